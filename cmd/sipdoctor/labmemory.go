package main

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/checks/responder"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// inMemory runs the same check, against the same responder, in an office that
// exists in this process alone.
func (o *labOptions) inMemory(ctx context.Context, s streams, scenario lab.Scenario, reason words.Text) error {
	if err := o.tell(s, s.Out, words.Say("say.lab-memory", words.Args{"why": reason})); err != nil {
		return err
	}
	r, err := o.checkInMemory(ctx, s, scenario)
	if err != nil {
		return failure("say.lab-building", words.Args{"scenario": words.Raw(scenario.Name), "why": cause(err)})
	}
	return o.finish(ctx, s, r)
}

func (o *labOptions) checkInMemory(ctx context.Context, s streams, scenario lab.Scenario) (*checks.Report, error) {
	office := checktest.FromScenario(scenario)
	defer office.World.Close()
	// The servers outlive a Ctrl-C, so that the check can still say goodbye.
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stop, err := office.Serve(serving)
	if err != nil {
		return nil, err
	}
	defer stop()
	fingerprint, ended, err := respondIn(serving, office)
	if err != nil {
		return nil, err
	}
	defer func() { end(); <-ended }()
	in := checks.Inputs{
		Responder: lab.ResponderAt(scenario.ControlPort), Fingerprint: fingerprint, Deep: o.deep,
		SIPServers: []string{lab.SIPServerAddr}, STUN: []string{lab.STUNServerAddr}, Ladder: scenario.Ladder,
		Inbound: scenario.Inbound != "", RTPRange: scenario.Inbound,
	}
	if scenario.Flood != "" {
		in.Checks, in.RTPRange, in.Full, in.Fast = []string{"rtp-ports"}, scenario.Flood, true, true
	}
	list, err := choose("office", in)
	if err != nil {
		return nil, err
	}
	j := job{list: list, net: office.Phone, inputs: in}
	j.host = factsOf(phoneMachine(), office.Phone, netip.Addr{})
	p := newProgress(s, o.quiet, "say.progress-checking")
	defer p.end()
	return j.run(ctx, p), nil
}

// respondIn starts the responder on its two addresses.
func respondIn(ctx context.Context, office *checktest.Office) (fingerprint string, ended <-chan struct{}, err error) {
	t := thisTool()
	srv, err := responder.New(responder.Config{
		Net: office.Responder, Tool: t.Name + " " + t.Version, ControlPort: office.Scenario.ControlPort,
		Listen: []netip.Addr{netip.MustParseAddr(lab.ResponderAddr), netip.MustParseAddr(lab.ResponderAddr2)},
	})
	if err != nil {
		return "", nil, err
	}
	if err := srv.Listen(ctx); err != nil {
		return "", nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ctx) // its end is seen by the check, as a dead responder
	}()
	return fmt.Sprint(srv.Fingerprint()), done, nil
}

// phoneMachine is the computer on the phone's side: one cable to the router.
func phoneMachine() platform.System {
	return platform.Saved(platform.AboutBundle{OS: runtime.GOOS, Arch: runtime.GOARCH}, map[string]string{
		"ip -j -d address": `[{"ifindex": 1, "ifname": "eth0", "mtu": 1500, "address": "02:00:00:00:88:10", "kind": "ethernet", "flags": ["UP", "LOWER_UP"],
			"addr_info": [{"local": "` + lab.PhoneAddr + `", "prefixlen": 24}]}]`,
		"ip -j route show table all": `[{"dst": "0.0.0.0/0", "gateway": "` + lab.RouterAddr + `", "dev": "eth0"}, {"dst": "192.168.88.0/24", "dev": "eth0"}]`,
		"ip -j neigh":                `[{"dst": "` + lab.RouterAddr + `", "dev": "eth0", "lladdr": "02:00:00:00:88:01"}]`,
	})
}
