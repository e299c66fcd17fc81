// Package routeros is the check of the configuration of a MikroTik router, as it
// was exported: what in it harms SIP and RTP.
package routeros

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/need"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "routeros", Words: ownWords, Group: "evidence", Timeout: time.Minute,
	}, observe, judge)
}

// maxExport bounds an export: RouterOS itself imports files of a few megabytes at
// most.
const maxExport = 64 << 20

// Load reads a file and refuses one that is not an export; the error says what it is
// instead.
func Load(f checks.File) ([]byte, error) {
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	plain, free, err := pcap.Decompress(in)
	if errors.Is(err, io.EOF) {
		return nil, ros.ErrNoExport
	}
	if err != nil {
		return nil, err
	}
	defer free()
	data, err := io.ReadAll(io.LimitReader(plain, maxExport+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Name, err)
	}
	_, err = ros.Read(data)
	return data, err
}

// Holds reports whether a text is an export: its first lines say by which version of
// RouterOS. A script that configures a router is one as well, but so may be prose.
func Holds(text []byte) bool {
	cfg, err := ros.Read(text)
	return err == nil && cfg.Version.Known()
}

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	files := env.FilesFor("routeros")
	o := Observed{Files: len(files)}
	if len(files) == 0 {
		return o, nil
	}
	data, err := Load(files[0])
	if err != nil {
		o.Unread = platform.Words(err)
		return o, nil
	}
	var profile *netinfo.Profile
	if env.Inputs.Profile != "" {
		if profile, err = netinfo.LoadProfile(env.Inputs.Profile); err != nil {
			return o, fmt.Errorf("loading the profile: %w", err)
		}
	}
	o.Connections = env.Connections
	o.look(ctx, data, need.Of(profile), env.Inputs.PBX)
	return o, ctx.Err()
}

// look observes an export, which Load has read.
func (o *Observed) look(ctx context.Context, data []byte, need Need, pbx netip.Addr) {
	cfg, err := ros.Read(data)
	if err != nil {
		o.Unread = words.Cause(err.Error())
		return
	}
	e := &export{Config: cfg, data: data, lines: linesOf(data), need: need, pbx: pbx, late: func() bool { return ctx.Err() != nil }}
	o.Need = need
	o.Version, o.Model, o.Script = cut(cfg.Version.Text), cut(cfg.Model), !cfg.Version.Known()
	o.Faults = len(cfg.Faults) + cfg.Unread
	for _, f := range cfg.Faults[:min(len(cfg.Faults), maxFaultLines)] {
		o.FaultLines = append(o.FaultLines, f.Line)
	}
	o.Helper, o.NAT = e.helper(), e.nat()
	o.Untracking = e.untracking(o.NAT)
	o.UDP, o.UDPStream = e.timeout("udp-timeout"), e.timeout("udp-stream-timeout")
	o.Uplinks = cfg.Uplinks()
	e.lans(o)
	e.besides(o)
	o.RulesUnread = e.rulesUnread()
	if !o.RulesUnread {
		e.evaluate(ctx, o)
	}
}

// maxFaultLines bounds the lines that are named.
const maxFaultLines = 8
