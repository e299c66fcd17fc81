// Package asteriskconfig is the check of what Asterisk is set to do: its
// configuration files, of this machine, of a saved one, or handed over alone.
package asteriskconfig

import (
	"context"
	_ "embed"
	"net/netip"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.DefineBeside(checks.Check{
		ID: "asterisk-config", Words: ownWords, Group: "pbx",
		Timeout: 30 * time.Second, // FreePBX with 10,000 extensions writes some 20 MB, which are read twice
	}, observe, judge)
}

// Observed is what the files say, and what of the machine it is compared with.
type Observed struct {
	Saved   bool   `json:"saved,omitempty"` // files that somebody handed over: nothing is known of their machine
	Found   bool   `json:"found"`           // there is a configuration of Asterisk
	Version string `json:"version,omitempty"`
	FreePBX bool   `json:"freepbx,omitempty"`
	// Own are the machine's addresses that others can reach, LANs the private
	// networks that it is connected to.
	Own      []netip.Addr          `json:"own,omitempty"`
	LANs     []LAN                 `json:"lans,omitempty"`
	Provider []netip.Prefix        `json:"provider,omitempty"` // the subnets of the profile
	Lists    []asterisk.AccessList `json:"lists,omitempty"`
	RTP      asterisk.RTP          `json:"rtp"`

	Files    []string                         `json:"files,omitempty"` // that were read
	Settings checks.Packed[asterisk.Settings] `json:"settings,omitempty"`
	// Faults are what the settings came to where they are not kept: in a redacted
	// report, and where there is too much of them.
	Faults []Fault `json:"faults,omitempty"`
	Judged bool    `json:"judged,omitempty"` // Faults hold
	Kinds  Kinds   `json:"kinds"`

	Denied []string       `json:"denied,omitempty"` // files that only root may read
	Notes  []words.Reason `json:"notes,omitempty"`
}

// LAN is a private network that the machine is connected to.
type LAN struct {
	Network   netip.Prefix `json:"network"`
	Interface string       `json:"interface"`
}

// Kinds are how many objects of each kind the files define.
type Kinds struct {
	Endpoints     int `json:"endpoints"` // of PJSIP
	Peers         int `json:"peers"`     // of chan_sip
	Registrations int `json:"registrations"`
	Transports    int `json:"transports"`
	Contexts      int `json:"contexts"`
}

// maxSettings bounds what of the settings is kept in a report, as JSON; beyond it
// only the faults are. 8 MB are some 3,000 extensions of FreePBX.
const maxSettings = 8 << 20

// maxLists bounds the access lists: endpoints that share one are one entry, and a
// server with more than a thousand lists is written by a program.
const maxLists = 1000

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	if files := env.FilesFor("asterisk-config"); len(files) > 0 {
		return fromFiles(ctx, files, env.Inputs)
	}
	if env.System == nil {
		return Observed{}, nil // no file and no machine
	}
	machine := env.PBX()
	ast := machine.Asterisk(ctx)
	o := Observed{Notes: ast.Notes}
	if ast.State != nil {
		routes := machine.Routes(ctx)
		o.Own = append(routes.Own(false), routes.Own(true)...)
		o.LANs = lansOf(routes.Host.Routes)
	}
	o.read(env.System, ast.State, env.Inputs)
	return o, ctx.Err()
}

// read reads the files of a machine whose state is known.
func (o *Observed) read(sys platform.System, state *asterisk.State, in checks.Inputs) {
	if state == nil {
		state = &asterisk.State{ConfDir: "/etc/asterisk"}
	}
	s := asterisk.ReadSettings(sys, state.ConfDir)
	o.Found = s.Has("pjsip.conf") || s.Has("sip.conf") || s.Has("extensions.conf") || s.Has("rtp.conf") || s.Has("pjsip_wizard.conf") || s.Has("acl.conf")
	o.Version, o.FreePBX, o.RTP, o.Denied = state.Version, state.FreePBX, state.RTP, s.Denied
	o.Files = s.Read
	o.Lists = state.Lists[:min(len(state.Lists), maxLists)]
	o.Provider = providerNetworks(in)
	o.Kinds = count(s)
	packed, ok := checks.Pack(*s, maxSettings)
	if !ok {
		o.Faults, o.Judged = examine(s, o, nil), true
		return
	}
	o.Settings = packed
}

func count(s *asterisk.Settings) (k Kinds) {
	for _, x := range s.PJSIP {
		switch {
		case x.Template:
		case x.Last("type") == "endpoint":
			k.Endpoints++
		case x.Last("type") == "registration":
			k.Registrations++
		case x.Last("type") == "transport":
			k.Transports++
		}
	}
	for _, x := range s.Wizard {
		if !x.Template && x.Last("type") == "wizard" {
			k.Endpoints++
		}
	}
	for _, x := range s.SIP {
		if isPeer(x) {
			k.Peers++
		}
	}
	k.Contexts = len(s.Dialplan.Contexts)
	return k
}

// Settle keeps the faults instead of the settings they were found in.
func (o Observed) Settle() Observed {
	if s, ok := o.Settings.Open(); ok {
		o.Faults, o.Judged = examine(&s, &o, nil), true
	}
	o.Settings, o.Lists = "", nil
	return o
}

// lansOf are the private networks that are reached without a router. Bridges of
// containers and virtual machines have no phones.
func lansOf(routes []packetfilter.Route) (list []LAN) {
	for _, r := range routes {
		if r.Gateway.IsValid() || r.Dst.Bits() == 0 || r.Dst.IsSingleIP() || !r.Dst.Addr().Is4() || !r.Dst.Addr().IsPrivate() || isContainer(r.Interface) {
			continue
		}
		list = append(list, LAN{r.Dst.Masked(), r.Interface})
	}
	return list
}

func isContainer(name string) bool {
	for _, prefix := range []string{"docker", "br-", "veth", "virbr", "lxc", "lxd", "cni", "flannel", "podman", "vmnet", "vboxnet", "lo"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func providerNetworks(in checks.Inputs) (list []netip.Prefix) {
	if in.Profile == "" {
		return nil
	}
	p, err := netinfo.LoadProfile(in.Profile)
	if err != nil {
		return nil // the command has refused it already
	}
	for _, s := range p.Subnets {
		if n, ok := asterisk.Prefix(s.CIDR); ok {
			list = append(list, n)
		}
	}
	return list
}
