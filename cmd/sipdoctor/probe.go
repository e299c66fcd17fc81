package main

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/signalling"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/metrics"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// How much GET /probe may ask of SIP servers that are somebody else's.
const (
	probeModule = "signalling"
	// probeSpacing is the least time between two probes of a server. Who asks sooner,
	// such as the second of two Prometheus servers, gets the figures of the last one.
	probeSpacing = 10 * time.Second
	// probeRate is how many probes a second begin: 500 servers a minute are 8.
	probeRate = 20
	// probePatience is how long one takes at most; a silent server is given up after 5 s.
	probePatience = 20 * time.Second
	// scrapeMargin is for the way of the answer (blackbox_exporter's timeout-offset).
	scrapeMargin = 500 * time.Millisecond
)

// probing answers GET /probe in the manner of the blackbox_exporter: whether a SIP
// server answers this machine. Only servers that were named may be asked.
type probing struct {
	streams
	net     platform.Network
	look    func(ctx context.Context, target string) *checks.Report
	servers []netinfo.HostPort
	nets    []netip.Prefix
	begins  *rate.Limiter
	manners *checks.Manners

	mu     sync.Mutex
	recent map[netinfo.HostPort]*probed
}

// probed is a probe of a server. Once done is closed there is its report, or why it
// found out nothing, which is no answer of the server's.
type probed struct {
	began  time.Time
	done   chan struct{}
	report *checks.Report
	failed words.Text
}

// prober reads the values of --probe; nil without any.
func (o *serveOptions) prober(s streams) (*probing, error) {
	if len(o.probe) == 0 {
		return nil, nil
	}
	if o.metrics == "" {
		return nil, usage("say.flag-needs", words.Args{"flag": "--probe", "other": "--metrics"})
	}
	p := &probing{streams: s, begins: rate.NewLimiter(probeRate, probeRate), manners: checks.NewManners(), recent: map[netinfo.HostPort]*probed{}}
	p.look = p.ask
	for _, v := range o.probe {
		if strings.Contains(v, "/") {
			network, err := parseAddress(v)
			if err != nil {
				return nil, err
			}
			p.nets = append(p.nets, network)
			continue
		}
		at, err := readTarget(v)
		if err != nil {
			return nil, badValue("--probe", words.Raw(v), err)
		}
		p.servers = append(p.servers, at)
	}
	return p, nil
}

func readTarget(s string) (netinfo.HostPort, error) {
	at, err := netinfo.ParseHostPort(s)
	at.Host = strings.ToLower(at.Host)
	return at, err
}

// allows reports whether a server was named. One that was named without a port may be
// asked at the ports of SIP, one by its network at all.
func (p *probing) allows(at netinfo.HostPort) bool {
	for _, s := range p.servers {
		usual := s.Port == 0 && (at.Port == 0 || at.Port == 5060 || at.Port == 5061)
		if s.Host == at.Host && (s.Port == at.Port || usual) {
			return true
		}
	}
	a, err := netip.ParseAddr(at.Host)
	for _, n := range p.nets {
		if err == nil && n.Contains(a) {
			return true
		}
	}
	return false
}

func (p *probing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	q := r.URL.Query()
	target := q.Get("target")
	at, err := readTarget(target)
	refuse := func(status int, why words.Text) { http.Error(w, render.Quote(p.fill(why)), status) }
	switch module := q.Get("module"); {
	case module != "" && module != probeModule:
		refuse(http.StatusBadRequest, words.Say("say.probe-module", words.Args{"module": words.Raw(module), "known": probeModule}))
		return
	case target == "":
		refuse(http.StatusBadRequest, words.Say("say.probe-no-target", nil))
		return
	case err != nil:
		refuse(http.StatusBadRequest, words.Say("say.bad-value", words.Args{"flag": "target", "value": words.Raw(target), "why": cause(err)}))
		return
	case !p.allows(at):
		refuse(http.StatusForbidden, words.Say("say.probe-unnamed", words.Args{"target": words.Raw(target)}))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), scrapeTimeout(r))
	defer cancel()
	x := p.probe(ctx, at, target)
	if x == nil {
		refuse(http.StatusTooManyRequests, words.Say("say.probe-rate", words.Args{"n": probeRate}))
		return
	}
	select {
	case <-x.done:
	case <-ctx.Done():
		refuse(http.StatusServiceUnavailable, words.Say("say.probe-slow", words.Args{"time": time.Since(began).Round(time.Second / 10)}))
		return
	}
	if !x.failed.IsZero() {
		refuse(http.StatusInternalServerError, x.failed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_ = metrics.Write(w, metrics.OfProbe(x.report, time.Since(began))) // whoever asked has gone
}

// scrapeTimeout is how long Prometheus waits for the answer.
func scrapeTimeout(r *http.Request) time.Duration {
	s, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(s > 0 && s < probePatience.Seconds()) {
		return probePatience + time.Second // the probe itself ends before
	}
	return max(time.Duration(s*float64(time.Second))-scrapeMargin, 0)
}

// probe returns the last probe of a server, or begins one, which goes on without
// whoever asked for it; nil: too many have begun.
func (p *probing) probe(ctx context.Context, at netinfo.HostPort, target string) *probed {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for k, x := range p.recent {
		if now.Sub(x.began) >= max(probeSpacing, probePatience) || now.Sub(x.began) >= probeSpacing && x.ended() {
			delete(p.recent, k)
		}
	}
	if x := p.recent[at]; x != nil {
		return x
	}
	if !p.begins.AllowN(now, 1) {
		return nil
	}
	x := &probed{began: now, done: make(chan struct{})}
	p.recent[at] = x
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probePatience)
	go func() {
		defer cancel()
		defer close(x.done)
		x.report, x.failed = p.result(ctx, target)
	}()
	return x
}

// result looks at a server. A mistake of this program in one probe ends no responder.
func (p *probing) result(ctx context.Context, target string) (r *checks.Report, failed words.Text) {
	defer func() {
		if fault := recover(); fault != nil {
			_, _ = fmt.Fprintf(p.Err, "%s\n", debug.Stack())
			failed = words.Say("say.cause", words.Args{"why": words.Cause(fmt.Sprintf("internal error: %v", fault))})
		}
	}()
	r = p.look(ctx, target)
	if e := r.Results[0].ObserveError; e != nil {
		return r, words.Say("say.cause", words.Args{"why": e.Text})
	}
	return r, words.Text{}
}

func (x *probed) ended() bool {
	select {
	case <-x.done:
		return true
	default:
		return false
	}
}

func (p *probing) ask(ctx context.Context, target string) *checks.Report {
	env := &checks.Env{Net: p.net, Inputs: checks.Inputs{SIPServers: []string{target}, NoPublic: true}, Manners: p.manners, NoRegister: true}
	return checks.Run(ctx, []*checks.Check{signalling.Check()}, env, checks.Meta{Tool: thisTool(), Command: "check"})
}
