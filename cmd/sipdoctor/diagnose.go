package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/all"
	"github.com/sipdoctor/sipdoctor/checks/asteriskconfig"
	"github.com/sipdoctor/sipdoctor/checks/asteriskstate"
	"github.com/sipdoctor/sipdoctor/checks/capture"
	"github.com/sipdoctor/sipdoctor/checks/ciscostate"
	"github.com/sipdoctor/sipdoctor/checks/logs"
	"github.com/sipdoctor/sipdoctor/checks/routeros"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

func newDiagnoseCommand(s streams) *cobra.Command {
	var d diagnosis
	cmd := &cobra.Command{
		Use: "diagnose",
		Example: `  sipdoctor diagnose call.pcap
  sipdoctor diagnose customer/*
  sipdoctor diagnose mail.txt
  xclip -o | sipdoctor diagnose -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("say.diagnose-nothing", nil)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := d.validate(); err != nil {
				return err
			}
			return d.run(cmd.Context(), s, args)
		},
	}
	d.addFlags(cmd)
	return cmd
}

// diagnosis is one run of diagnose.
type diagnosis struct {
	reporting
	taken []taken
}

// taken is a file and what it was taken for.
type taken struct {
	file  checks.File
	kinds []string
	text  []byte // of one that is short: it may be a phrase
}

// Kinds of evidence.
const (
	kindCapture = "capture"
	kindTrace   = "trace"
	kindReport  = "report"
	kindBundle  = "bundle"
	kindPhrase  = "phrase"

	kindLog      = "log"
	kindConfig   = "configuration" // of Asterisk
	kindAsterisk = "asterisk"      // what its command line printed
	kindCisco    = "cisco"         // what a voice gateway printed
	kindRouterOS = "routeros"      // what a MikroTik router exported
)

// readers are the checks that read evidence, by the kinds that each of them reads.
var readers = []struct {
	check string
	kinds []string
}{
	{"capture", []string{kindCapture, kindTrace}},
	{"logs", []string{kindLog}},
	{"asterisk-state", []string{kindAsterisk}},
	{"asterisk-config", []string{kindConfig}},
	{"cisco-state", []string{kindCisco}},
	{"routeros", []string{kindRouterOS}},
}

// texts tell what a text holds: it may be several things at once. The beginning of a
// long one is enough.
var texts = []struct {
	kind  string
	knows func(name string, text []byte) bool
}{
	{kindTrace, func(_ string, text []byte) bool { return capture.HoldsSIP(text) }},
	{kindLog, func(_ string, text []byte) bool { return logs.Holds(text) }},
	{kindAsterisk, func(_ string, text []byte) bool { return asteriskstate.Holds(text) }},
	{kindConfig, func(name string, text []byte) bool { return asteriskconfig.Kind(name, text) != "" }},
	{kindCisco, func(_ string, text []byte) bool { return ciscostate.Holds(text) }},
	{kindRouterOS, func(_ string, text []byte) bool { return routeros.Holds(text) }},
}

const (
	// maxHead is how much of a text is looked at: a log begins with what a PBX says
	// when it starts, and goes on for long before it holds SIP.
	maxHead = 1 << 20
	// maxPhrase is the length of the longest text that may be a phrase of a server.
	maxPhrase = 400
)

func (d *diagnosis) run(ctx context.Context, s streams, args []string) error {
	files, err := d.open(s, args)
	if err != nil {
		return err
	}
	for _, f := range files {
		t, err := recognise(f)
		if err != nil {
			return err
		}
		d.taken = append(d.taken, t)
	}
	for _, t := range d.taken {
		if !d.quiet {
			s.warn(words.Say("say.taken", words.Args{"file": nameOf(t.file), "kinds": kindWords(t.kinds)}))
		}
		alone := slices.ContainsFunc(t.kinds, func(k string) bool { return k == kindReport || k == kindBundle || k == kindPhrase })
		if alone && len(d.taken) > 1 {
			return usage("say.diagnose-alone", words.Args{"file": nameOf(t.file), "kinds": kindWords(t.kinds)})
		}
	}
	switch first := d.taken[0]; first.kinds[0] {
	case kindReport:
		return d.report(ctx, s, first)
	case kindBundle:
		if !rereadable(first.file) && !isBundle(first.file.Name) {
			return usage("say.diagnose-bundle", words.Args{"file": nameOf(first.file)})
		}
		o := pbxOptions{serverOptions: serverOptions{reporting: d.reporting, root: first.file.Name}}
		return o.run(ctx, s, nil)
	case kindPhrase:
		return d.phrase(s, first)
	}
	return d.read(ctx, s)
}

// read runs the checks that know how to read what was given.
func (d *diagnosis) read(ctx context.Context, s streams) error {
	env := &checks.Env{Inputs: checks.Inputs{TakenFor: map[string][]string{}}}
	var list []*checks.Check
	for i, t := range d.taken {
		for _, r := range readers {
			if slices.ContainsFunc(t.kinds, func(k string) bool { return slices.Contains(r.kinds, k) }) {
				d.taken[i].file.For = append(d.taken[i].file.For, r.check)
			}
		}
		env.Files = append(env.Files, d.taken[i].file)
		env.Inputs.Files = append(env.Inputs.Files, t.file.Name)
		env.Inputs.TakenFor[t.file.Name] = t.kinds
	}
	for _, c := range all.Checks() {
		if slices.ContainsFunc(env.Files, func(f checks.File) bool { return slices.Contains(f.For, c.ID) }) {
			list = append(list, c)
		}
	}
	p := newProgress(s, d.quiet, "say.progress-evidence")
	env.OnProgress = p.take
	r := checks.Run(ctx, list, env, checks.Meta{Tool: thisTool(), Command: "diagnose"})
	p.end()
	return d.finish(ctx, s, r)
}

// report shows a saved report as the rules of today judge it.
func (d *diagnosis) report(ctx context.Context, s streams, t taken) error {
	var r *checks.Report
	err := beginning(t.file, func(in *bufio.Reader) (err error) {
		r, err = parseReport(in, nameOf(t.file))
		return err
	})
	if err != nil {
		return err
	}
	if !r.Slim { // without what was observed there is nothing to judge
		if r, err = checks.Rejudge(r, all.Checks()); err != nil {
			return err
		}
	}
	return d.finish(ctx, s, r)
}

// phrase explains what a server or phone said.
func (d *diagnosis) phrase(s streams, t taken) error {
	found := netinfo.Explain(strings.TrimSpace(string(t.text)))
	list := listing{format: "text"}
	if d.format == "json" {
		list.format = d.format
	}
	return list.show(s.Out, found, func(w io.Writer) error { return s.explainMeanings(w, found) })
}

// open lists the files that were given. What can be read only once is kept in memory,
// as several checks may read it.
func (d *diagnosis) open(s streams, args []string) ([]checks.File, error) {
	var out []checks.File
	for _, name := range args {
		if isBundle(name) {
			out = append(out, checks.File{Name: name})
			continue
		}
		list, err := evidence(s.In, []string{name})
		if err != nil {
			return nil, err
		}
		for _, f := range list {
			if !rereadable(f) {
				if f, err = inMemory(f); err != nil {
					return nil, err
				}
			}
			out = append(out, f)
		}
	}
	return out, nil
}

// inMemory reads a pipe to its end.
func inMemory(f checks.File) (checks.File, error) {
	in, err := f.Open()
	if err != nil {
		return f, usage("say.evidence", words.Args{"why": cause(err)})
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, maxReport+1))
	switch {
	case err != nil:
		return f, usage("say.reading", words.Args{"file": nameOf(f), "why": cause(err)})
	case len(b) > maxReport:
		return f, usage("say.diagnose-long", words.Args{"file": nameOf(f), "mib": maxReport >> 20})
	}
	f.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	return f, nil
}

// recognise tells what a file holds; it is a mistake of the user where that is nothing
// that is read here.
func recognise(f checks.File) (taken, error) {
	t := taken{file: f}
	if isBundle(f.Name) {
		t.kinds = []string{kindBundle}
		return t, nil
	}
	err := beginning(f, func(in *bufio.Reader) error { t.look(in); return nil })
	if err == nil && len(t.kinds) == 0 {
		err = usage("say.diagnose-unknown", words.Args{"file": nameOf(f)})
	}
	return t, err
}

// look finds out what a file begins with.
func (t *taken) look(plain *bufio.Reader) {
	if pcap.IsCapture(plain) {
		t.kinds = []string{kindCapture}
		return
	}
	const tarMagic = 257 // where a tar archive says what it is (POSIX.1-1988)
	head, _ := bufio.NewReaderSize(plain, maxHead).Peek(maxHead)
	switch {
	case len(head) > tarMagic && bytes.HasPrefix(head[tarMagic:], []byte("ustar")):
		t.kinds = []string{kindBundle}
		return
	case bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")) && bytes.Contains(head, []byte(`"`+checks.Schema+`"`)):
		t.kinds = []string{kindReport}
		return
	case bytes.IndexByte(head, 0) >= 0:
		return
	}
	for _, x := range texts {
		if x.knows(t.file.Name, head) {
			t.kinds = append(t.kinds, x.kind)
		}
	}
	if len(t.kinds) == 0 && len(head) <= maxPhrase && len(netinfo.Explain(strings.TrimSpace(string(head)))) > 0 {
		t.kinds, t.text = []string{kindPhrase}, bytes.Clone(head)
	}
}

// isBundle reports whether a name is that of a folder with what was collected on a PBX.
// One that only holds such folders, as many do, is none.
func isBundle(name string) bool {
	for _, inside := range []string{"etc", "commands", "sipdoctor.json"} {
		if _, err := os.Stat(filepath.Join(name, inside)); err == nil {
			_, err = platform.OpenBundle(name)
			return err == nil
		}
	}
	return false
}

func kindWords(kinds []string) (out []words.Text) {
	for _, k := range kinds {
		out = append(out, words.Say("say.kind", words.Args{"kind": k}))
	}
	return out
}
