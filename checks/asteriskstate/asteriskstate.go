// Package asteriskstate is the check of what a running Asterisk says about itself:
// which phones answer, which trunks are registered, what is loaded, which calls hang.
// It reads the command line of a server, or what somebody copied from there.
package asteriskstate

import (
	"bytes"
	"context"
	_ "embed"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "asterisk-state", Words: ownWords, Group: "pbx",
		Timeout: 30 * time.Second, // a server with 10,000 endpoints takes seconds to list them
	}, observe, judge)
}

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	if files := env.FilesFor("asterisk-state"); len(files) > 0 {
		return readFiles(ctx, files)
	}
	if env.System == nil {
		return Observed{}, nil
	}
	return ask(ctx, env)
}

// maxText bounds a saved text: the listings of 10,000 extensions are some 5 MB.
const maxText = 64 << 20

// readFiles reads what somebody copied.
func readFiles(ctx context.Context, files []checks.File) (Observed, error) {
	o := Observed{Asked: "text"}
	var all strings.Builder
	next := 1
	for _, f := range files {
		text, err := f.Text(max(0, maxText-all.Len()))
		o.Sources = append(o.Sources, Source{Name: f.Name, FirstLine: next, Error: platform.Words(err)})
		next += bytes.Count(text, []byte("\n")) + 1
		all.Write(text)
		all.WriteByte('\n')
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
	}
	o.Shown = *asterisk.Show(all.String())
	o.relate(nil)
	return o, nil
}

// ask asks the running server, and reads what its files say that it should have.
func ask(ctx context.Context, env *checks.Env) (Observed, error) {
	machine := env.PBX()
	ast := machine.Asterisk(ctx)
	o := Observed{Asked: "server", Notes: ast.Notes, Shown: asterisk.Shown{Commands: []string{}}}
	if ast.State == nil {
		o.Asked = "nobody"
		if len(ast.Notes) > 0 { // something of it is there, and could not be read
			o.Asked = "silent"
		}
		return o, ctx.Err()
	}
	o.Configured = configured(ast.State)
	if !ast.State.Running {
		o.Asked = "silent"
		return o, ctx.Err()
	}
	printed, notes := asterisk.Ask(ctx, env.System, ast.State)
	o.Notes = append(o.Notes, notes...)
	o.Shown.AddPrinted(printed)
	elsewhere := asterisk.Database(env.System, ast.State.ConfDir)
	o.Configured.Unloaded = slices.DeleteFunc(unloaded(ast.State, &o.Shown, platform.IsRedacted(env.System)), func(u Unloaded) bool {
		return slices.Contains(elsewhere, u.Kind) // pjsip.conf may not be asked for these
	})
	var networks []netip.Prefix
	behind := false
	for _, r := range machine.Routes(ctx).Host.Routes {
		switch {
		case r.Kind != "" && r.Kind != "unicast":
		case r.Dst.Bits() > 0:
			networks = append(networks, r.Dst)
		default:
			behind = behind || r.Gateway.IsPrivate()
		}
	}
	// A router with a private address may know more networks than this server: other
	// parts of the office, a VPN.
	o.RoutesKnown = len(networks) > 0 && !behind
	o.relate(networks)
	return o, ctx.Err()
}

// configured counts what the files define.
func configured(st *asterisk.State) (c Configured) {
	for _, e := range st.Endpoints {
		if e.Driver == "pjsip" {
			c.Endpoints++
		} else {
			c.Peers++
		}
	}
	for _, r := range st.Registrations {
		if r.Driver == "pjsip" && r.At != "" {
			c.Registrations++
		}
	}
	c.Identifies = len(st.Identifies)
	return c
}

// unloaded are the objects of PJSIP's files that the server does not list. It is
// known only where the listing is whole. Redacted, a name that the listing cut is
// another than in the file.
func unloaded(st *asterisk.State, shown *asterisk.Shown, redacted bool) (list []Unloaded) {
	cut := slices.ContainsFunc(shown.Endpoints, func(e asterisk.ShownEndpoint) bool { return e.Cut })
	if shown.HasWhole(asterisk.ShowEndpoints) && !(redacted && cut) {
		there := shownEndpoints(shown)
		for _, e := range st.Endpoints {
			if e.Driver == "pjsip" && e.At != "" && !there(e.Name) {
				list = append(list, Unloaded{Kind: "endpoint", Name: e.Name, At: e.At})
			}
		}
	}
	if shown.HasWhole(asterisk.ShowRegistrations) {
		names := map[string]bool{}
		for _, g := range shown.Registrations {
			names[g.Name] = true
		}
		for _, r := range st.Registrations {
			if r.Driver == "pjsip" && r.At != "" && !names[r.Name] {
				list = append(list, Unloaded{Kind: "registration", Name: r.Name, At: r.At})
			}
		}
	}
	if shown.HasWhole(asterisk.ShowTransports) {
		for _, t := range st.Transports {
			if t.Driver == "pjsip" && t.At != "" && !t.Running {
				list = append(list, Unloaded{Kind: "transport", Name: t.Name, At: t.At, Protocol: t.Protocol, Bind: t.Bind})
			}
		}
	}
	return list[:min(len(list), maxUnloaded)]
}

// maxUnloaded bounds the objects that are named: a file that was not read at all
// may hold 10,000.
const maxUnloaded = 200

// shownEndpoints tells which endpoints a server listed, some of them cut.
func shownEndpoints(shown *asterisk.Shown) func(name string) bool {
	whole, cut := map[string]bool{}, []string{}
	for _, e := range shown.Endpoints {
		if whole[e.Name] = true; e.Cut {
			cut = append(cut, e.Name)
		}
	}
	return func(name string) bool {
		return whole[name] || slices.ContainsFunc(cut, func(c string) bool { return strings.HasPrefix(name, c) })
	}
}
