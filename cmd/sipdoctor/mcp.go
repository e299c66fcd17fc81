package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/mcp"
	"github.com/sipdoctor/sipdoctor/docs"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func newMCPCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:  "mcp",
		Args: noArgs,
		Example: `  claude mcp add sipdoctor -- sipdoctor mcp
  {"mcpServers": {"sipdoctor": {"command": "sipdoctor", "args": ["mcp"]}}}`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a := &assistant{streams: s, sending: make(chan struct{}, 1)}
			server := &mcp.Server{Name: "sipdoctor", Version: thisTool().Version, Instructions: s.say("say.mcp-instructions", nil)}
			for _, o := range offers() {
				server.Tools = append(server.Tools, a.tool(cmd.Root(), o))
			}
			for name, text := range map[string]string{"report": docs.ReportSchema, "profile": docs.ProfileSchema} {
				server.Resources = append(server.Resources, mcp.Resource{
					URI: "https://github.com/sipdoctor/sipdoctor/docs/" + name + ".schema.json", Name: name + ".schema.json",
					Description: s.say("say.mcp-schema", words.Args{"schema": name}), Type: "application/schema+json", Text: text,
				})
			}
			slices.SortFunc(server.Resources, func(a, b mcp.Resource) int { return strings.Compare(a.Name, b.Name) })
			if err := server.Serve(cmd.Context(), s.In, s.Out); err != nil {
				return failure("say.mcp-gone", words.Args{"why": cause(err)})
			}
			return nil
		},
	}
}

// offer is a command as an assistant may use it: what follows its name, and which of
// its flags. No other flag can be reached, so that nothing is written, changed, logged
// into or shown in a form that is not the protocol's.
type offer struct {
	command string
	args    []mcp.Param // without their descriptions
	flags   []string
	reports bool // it shows a report, which can be shown again in another form
	sends   bool // to others than this machine
}

// maxContent bounds a text that is handed in, bytes.
const maxContent = 4 << 20

func offers() []offer {
	shown := []string{"label", "redact", "strict", "verbose"}
	network := append([]string{
		"profile", "skip", "responder", "responder-fingerprint", "sip-server", "stun", "ntp", "bind", "no-public", "no-lookup",
		"rtp-range", "full", "fast", "router-entries", "rate", "deep", "ladder", "timeout",
	}, shown...)
	ids := namesOf(all.Checks(), checkID)
	return []offer{
		{command: "check", args: []mcp.Param{{Name: "checks", Type: "string", List: true, Choices: ids}}, flags: network, reports: true, sends: true},
		{command: "symptom", args: []mcp.Param{{Name: "complaint", Type: "string"}}, flags: append([]string{"answer", "at"}, network...), reports: true, sends: true},
		{command: "why", args: []mcp.Param{{Name: "addresses", Type: "string", List: true, Required: true}}, flags: append([]string{"udp", "tcp", "root", "timeout"}, shown...), reports: true},
		{command: "diagnose", args: []mcp.Param{{Name: "files", Type: "string", List: true}, {Name: "content", Type: "string", Max: maxContent}}, flags: shown, reports: true},
		{command: "explain", args: []mcp.Param{{Name: "text", Type: "string", Required: true}}},
		{command: "profiles", args: []mcp.Param{{Name: "name", Type: "string"}}},
		{command: "fixes", args: []mcp.Param{{Name: "problem", Type: "string"}, {Name: "platform", Type: "string"}}},
	}
}

// assistant runs commands for one.
type assistant struct {
	streams
	sending chan struct{} // holds a value while a command sends: two would disturb each other
}

// tool describes a command by its own help.
func (a *assistant) tool(root *cobra.Command, o offer) mcp.Tool {
	t := mcp.Tool{Name: o.command, Description: a.say("say.mcp-tool", words.Args{"tool": o.command}), Sends: o.sends}
	for _, p := range o.args {
		p.Description = a.say("say.mcp-argument", words.Args{"argument": p.Name})
		t.Params = append(t.Params, p)
	}
	cmd, _, err := root.Find([]string{o.command})
	if err == nil {
		for _, name := range o.flags {
			t.Params = append(t.Params, paramOf(cmd.Flags().Lookup(name)))
		}
	}
	t.Call = func(ctx context.Context, args mcp.Args, told func(string)) mcp.Result {
		return a.call(ctx, o, args, told)
	}
	return t
}

// paramOf is a flag as an argument of a tool.
func paramOf(f *pflag.Flag) mcp.Param {
	p := mcp.Param{Name: f.Name, Type: "string"}
	_, p.Description = pflag.UnquoteUsage(f)
	_, p.List = f.Value.(pflag.SliceValue)
	switch f.Value.Type() {
	case "bool":
		p.Type = "boolean"
	case "int", "intSlice":
		p.Type = "integer"
	}
	return p
}

// line is the command line of a call and what it reads on standard input: a command
// line, because then an assistant meets the very same checks of what was given, words
// and results as whoever types it.
func (o *offer) line(args mcp.Args) (line []string, stdin string) {
	line = []string{o.command}
	for _, name := range o.flags {
		for _, v := range args[name] {
			line = append(line, "--"+name+"="+v)
		}
	}
	line = append(line, "--")
	for _, p := range o.args {
		if p.Name == "content" && len(args[p.Name]) > 0 {
			line, stdin = append(line, "-"), args[p.Name][0]
			continue
		}
		line = append(line, args[p.Name]...)
	}
	return line, stdin
}

// call runs a command. Only one that sends runs at a time.
func (a *assistant) call(ctx context.Context, o offer, args mcp.Args, told func(string)) mcp.Result {
	for _, name := range []string{"files", "root", "profile", "name"} {
		if i := slices.IndexFunc(args[name], isNoFile); i >= 0 {
			return mcp.Result{Failed: true, Text: a.say("say.mcp-no-file", words.Args{"file": words.Raw(args[name][i])})}
		}
	}
	if o.sends {
		select {
		case a.sending <- struct{}{}:
			defer func() { <-a.sending }()
		case <-ctx.Done():
			return mcp.Result{Failed: true}
		}
	}
	s := a.streams
	s.Told, s.config = told, a.config.only(o.flags...)
	line, stdin := o.line(args)
	shown := []string{"--format=json"}
	if o.reports {
		shown = append(shown, "--no-observed")
	}
	status, out, errs := s.captured(ctx, stdin, slices.Insert(slices.Clone(line), 1, shown...))
	if out == "" {
		return mcp.Result{Failed: status != statusOK, Text: errs}
	}
	return a.result(ctx, o, line, stdin, out, errs)
}

// result shows what a command said as an object, and in words.
func (a *assistant) result(ctx context.Context, o offer, line []string, stdin, out, errs string) mcp.Result {
	s := a.streams
	s.config = &settings{}
	r := mcp.Result{Text: out + errs}
	if !json.Valid([]byte(out)) { // a list that has one form only
		return r
	}
	r.Structured = json.RawMessage(out)
	if isReport := o.reports && strings.HasPrefix(out, "{"); isReport {
		_, text, _ := s.captured(ctx, out, []string{"report", "--color=never", "--", "-"})
		r.Text = text + errs
		return r
	}
	if strings.HasPrefix(out, "[") {
		r.Structured, _ = json.Marshal(map[string]json.RawMessage{"items": r.Structured}) // valid, as it was
	}
	_, text, _ := s.captured(ctx, stdin, line)
	r.Text = text + errs
	return r
}

// captured runs a command line and returns what it says.
func (s streams) captured(ctx context.Context, stdin string, line []string) (status int, out, errs string) {
	var o, e bytes.Buffer
	s.In, s.Out, s.Err, s.Confine = strings.NewReader(stdin), &o, &e, nil
	status = s.run(ctx, line)
	return status, o.String(), e.String()
}

// isNoFile reports whether a name is that of something that may never end, or of
// standard input, which is the protocol's.
func isNoFile(name string) bool {
	if name == "-" {
		return true
	}
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}
