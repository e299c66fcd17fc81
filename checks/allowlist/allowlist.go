// Package allowlist is the check of a provider's allow list: whether every
// host and port that the profile asks for can be reached from here, and what
// stands in the way of those that cannot.
package allowlist

import (
	"context"
	_ "embed"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "allow-list", Words: ownWords, Group: "office", Profile: true,
		Timeout: 14 * time.Second, // look-ups 3 s, 40 targets in 2 s, silence 4.7 s, and some for slow machines
		Assumes: []string{"uplink", "dns"},
		AsksSIP: true,
	}, observe, judge)
}

// Observed is all that was asked and heard; judge works from it alone.
type Observed struct {
	Profile *netinfo.Profile `json:"profile,omitempty"` // as it was that day; nil: none was named
	Hosts   []Host           `json:"hosts,omitempty"`
	Probes  []Probe          `json:"probes,omitempty"`
	Left    int              `json:"left,omitempty"` // targets beyond the limit, not asked
	Where   *Where           `json:"where,omitempty"`
}

// Host is a name that was looked up.
type Host struct {
	Name  string       `json:"name"`
	Addrs []netip.Addr `json:"addrs,omitempty"` // those that were asked
	Error words.Cause  `json:"error,omitempty"` // why there are none
}

// Probe is one question to one port of one address.
type Probe struct {
	Host     string         `json:"host"`
	Addr     netip.AddrPort `json:"addr"`
	Protocol string         `json:"protocol"` // udp or tcp
	Method   string         `json:"method"`   // options, connect or stun
	// Named: the profile or the user names this very port of this very host;
	// otherwise it is one of the profile's ports, which this host need not have.
	Named bool `json:"named"`
	SIP   bool `json:"sip"` // phones cannot do without

	Local    netip.Addr  `json:"local,omitzero"`
	Tries    int         `json:"tries"`
	Answered bool        `json:"answered"`
	Code     int         `json:"code,omitempty"` // of the SIP response
	RTTMS    float64     `json:"rtt_ms,omitempty"`
	Class    string      `json:"error_class,omitempty"`
	Error    words.Cause `json:"error,omitempty"`
	ICMP     []ICMP      `json:"icmp,omitempty"`
}

// The methods of probes.
const (
	methodOptions = "options"
	methodConnect = "connect"
	methodSTUN    = "stun"
)

// ICMP is what somebody on the way said about a probe.
type ICMP struct {
	Hop     netip.Addr  `json:"hop"`
	Meaning words.Cause `json:"meaning"`
	Class   string      `json:"class"` // platform.ErrorClass
}

// Where is the network of the public address.
type Where struct {
	Public netip.Addr        `json:"public,omitzero"`
	Origin *netinfo.ASOrigin `json:"origin,omitempty"`
	Error  words.Cause       `json:"error,omitempty"`
}

func observe(ctx context.Context, env *checks.Env) (Observed, error) {
	var o Observed
	if env.Inputs.Profile == "" {
		return o, nil
	}
	p, err := netinfo.LoadProfile(env.Inputs.Profile)
	if err != nil {
		return o, err
	}
	o.Profile = p
	where := make(chan *Where, 1)
	go func() { where <- findWhere(ctx, env, p) }()
	targets := o.plan(ctx, env)
	if len(targets) > maxTargets {
		o.Left = len(targets) - maxTargets
		targets = targets[:maxTargets]
	}
	o.Probes = ask(ctx, env, targets)
	o.Where = <-where
	return o, ctx.Err()
}

// whereTime bounds STUN and the two look-ups after it: what is learnt is worth
// no waiting.
const whereTime = 5 * time.Second

// findWhere learns the network of the public address; nil when nobody needs it
// or nobody may be asked. It is never fatal.
func findWhere(ctx context.Context, env *checks.Env, p *netinfo.Profile) *Where {
	if len(p.Serves) == 0 || env.Inputs.NoLookup || env.Inputs.NoPublic {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, whereTime)
	defer cancel()
	w := &Where{Public: publicAddr(ctx, env)}
	if !w.Public.IsValid() {
		w.Error = "no STUN server told the public address"
		return w
	}
	o, err := netinfo.LookupOrigin(ctx, env.Net, w.Public)
	if err != nil {
		w.Error = platform.Words(err)
		return w
	}
	w.Origin = &o
	return w
}

// publicAddr asks the STUN servers, all at once; the first answer counts.
func publicAddr(ctx context.Context, env *checks.Env) netip.Addr {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	local := probe.Bind(env.Inputs.Bind, netip.Addr{})
	sock, err := stun.Open(ctx, env.Net, netip.AddrPortFrom(local, 0))
	if err != nil {
		return netip.Addr{}
	}
	defer sock.Close()
	servers := env.STUNServers()
	found := make(chan netip.Addr, len(servers))
	probe.Each(servers, func(name *string) {
		to, err := probe.Lookup(ctx, env.Net, *name, session.DefaultSTUNPort, local)
		if err != nil {
			return
		}
		out := sock.Ask(ctx, stun.Question{To: to, Plan: stun.Patient()})
		if out.Answered && out.Response.Seen().IsValid() {
			found <- out.Response.Seen().Addr().Unmap()
			cancel()
		}
	})
	close(found)
	return <-found // the zero Addr where nobody answered
}
