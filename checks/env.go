package checks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/checks/internal/stun"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Inputs is what the user asked for; it is stored in the report.
type Inputs struct {
	Checks      []string   `json:"checks,omitempty"` // empty: all of the command's group
	Skip        []string   `json:"skip,omitempty"`
	Profile     string     `json:"profile,omitempty"`
	PBX         netip.Addr `json:"pbx,omitzero"`                    // of a router: the PBX behind it
	Responder   string     `json:"responder,omitempty"`             // host or host:port
	Fingerprint string     `json:"responder_fingerprint,omitempty"` // SHA-256 of its certificate, hex
	SIPServers  []string   `json:"sip_servers,omitempty"`           // host or host:port, the profile's included
	STUN        []string   `json:"stun,omitempty"`                  // host:port; empty: the built-in public servers
	Bind        netip.Addr `json:"bind,omitzero"`                   // local address to use
	Deep        bool       `json:"deep,omitempty"`
	Ladder      []int      `json:"ladder_s,omitempty"` // of nat-lifetime: seconds of silence; empty: the usual ones
	// SIPTransports are what the profile says that its servers speak: transports
	// (udp tcp tls ws wss) by entry of SIPServers.
	SIPTransports map[string][]string `json:"sip_transports,omitempty"`
	NTP           string              `json:"ntp,omitempty"`       // host or host:port to ask for the time; empty: a public one
	NoPublic      bool                `json:"no_public,omitempty"` // ask no public server that the user did not name

	RTPRange      string `json:"rtp_range,omitempty"`      // "10000-65535"; empty: that
	RTPEdges      []int  `json:"rtp_edges,omitempty"`      // where the profile's media ranges begin and end
	Full          bool   `json:"full,omitempty"`           // every RTP port instead of a sample
	Fast          bool   `json:"fast,omitempty"`           // no budget of router entries
	RouterEntries int    `json:"router_entries,omitempty"` // connections that the router may hold for us; 0: the default
	Rate          int    `json:"rate,omitempty"`           // RTP probes a second; 0: what the budget allows
	Inbound       bool   `json:"inbound,omitempty"`        // test the RTP ports from outside too: this machine is a PBX
	// RTPConf is the media range of the Asterisk on this machine; nil: there is
	// none.
	RTPConf  *netinfo.RTPConf `json:"rtp_conf,omitempty"`
	NoLookup bool             `json:"no_lookup,omitempty"` // do not ask DNS whose network the public address is in

	Addresses []netip.Prefix `json:"addresses,omitempty"` // of why: what to explain; empty: those that matter
	UDPPorts  string         `json:"udp_ports,omitempty"` // of why: "5060,10000-20000"; empty: the SIP and RTP ports
	TCPPorts  string         `json:"tcp_ports,omitempty"`
	Root      string         `json:"root,omitempty"`  // the support bundle that was read instead of the machine
	On        string         `json:"on,omitempty"`    // the machine that was read over SSH instead: "root@pbx.example.net"
	Admin     netip.Addr     `json:"admin,omitzero"`  // who asks, logged in over SSH
	Files     []string       `json:"files,omitempty"` // evidence, as typed
	// TakenFor is what diagnose took each of them for.
	TakenFor map[string][]string `json:"taken_for,omitempty"`
	Compare  []string            `json:"compare,omitempty"`

	Since      time.Time `json:"since,omitzero"`        // of logs: nothing older; Addresses narrows them as well
	LogAccount string    `json:"log_account,omitempty"` // of logs: only what is about this account

	Sudo bool `json:"sudo,omitempty"` // started with sudo, and so must be what is typed next
}

// Env is what observe may use.
type Env struct {
	Net    platform.Network
	Inputs Inputs

	// Host gathers the facts about this machine and its router, once a run; it
	// may take as long as the router's discovery. The zero Env has none.
	Host func(context.Context) (*netinfo.Host, error)

	// Heard is what devices on the wire have said of themselves; nil: nobody listens.
	Heard *netinfo.Heard

	// System is the PBX whose files and rules are read, live or out of a bundle;
	// nil where no check of the run asks.
	System platform.System

	// Account is registered once by the signalling check; nil when none was
	// given.
	Account *Account

	// Manners is what earlier runs learnt of SIP servers; nil: there were none.
	Manners *Manners
	// NoRegister asks SIP servers without a REGISTER: the run is one of very many.
	NoRegister bool

	// RTPPorts are those that FreshRTPPort has named; nil: none before this run.
	RTPPorts *RTPPorts

	Files   []File // what the user handed over: captures, logs
	Compare []File // captures of another place of the same way

	Connections *routeros.Connections // of the router whose export is in Files; nil: nobody asked it

	OnProgress func(Event)      // nil is silence
	OnEvent    func(words.Text) // what a live log tells, as it comes; nil: nobody watches

	pbxOnce   sync.Once
	pbx       *pbx.PBX
	portsOnce sync.Once

	mannersOnce sync.Once

	run      context.Context // of the whole run
	late     atomic.Int64    // moments at which this program came to its work late
	session  once[*session.Client]
	finished map[string]chan struct{} // by check of the run: closed when it has observed
}

// File is evidence that the user handed over.
type File struct {
	Name string // as typed; "-" is standard input
	Open func() (io.ReadCloser, error)
	Live bool // it ends when the user says so, and then all of it counts
	// For are the checks that it is evidence for; empty: whichever the run has.
	For []string
}

// Text reads a file to its end, decompressed. Where that is not possible, or it is
// longer than limit bytes, it returns what it begins with, and why.
func (f File) Text(limit int) ([]byte, error) {
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	plain, free, err := pcap.Decompress(in)
	defer free()
	if errors.Is(err, io.EOF) {
		return nil, nil // empty
	}
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(plain, int64(limit)+1))
	if err == nil && len(b) > limit {
		b, err = b[:limit], fmt.Errorf("%s is larger than %d bytes", f.Name, limit)
	}
	return b, err
}

// FilesFor are the files that a check is to read.
func (e *Env) FilesFor(check string) (list []File) {
	for _, f := range e.Files {
		if len(f.For) == 0 || slices.Contains(f.For, check) {
			list = append(list, f)
		}
	}
	return list
}

// Event is what a check is doing, for the person waiting.
type Event struct {
	Text words.Text    // a short line; its words are those of BookOf
	Left time.Duration // how long it will take; 0: not known
}

// Progress reports what is being done, if anybody listens.
func (e *Env) Progress(ev Event) {
	if e.OnProgress != nil {
		e.OnProgress(ev)
	}
}

// After waits until the named check has observed, for one that it would
// disturb. It does not wait when that check is not part of the run. The error is
// that of ctx.
func (e *Env) After(ctx context.Context, check string) error {
	done, ok := e.finished[check]
	if !ok {
		return ctx.Err()
	}
	select {
	case <-done:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// STUNServers is whom to ask for our public address: the servers the user
// named, or else a few public ones of different operators, unless only named
// servers may be asked.
func (e *Env) STUNServers() []string {
	if len(e.Inputs.STUN) > 0 || e.Inputs.NoPublic {
		return e.Inputs.STUN
	}
	return stun.PublicServers()
}

// PublicSIPServers is whom to ask for an echo of a SIP request where the user
// named neither a responder nor a SIP server: the providers of the profiles.
func (e *Env) PublicSIPServers() []string {
	if e.Inputs.NoPublic || e.Inputs.Responder != "" || len(e.Inputs.SIPServers) > 0 {
		return nil
	}
	return netinfo.PublicSIPServers()
}

// once runs a function for the first caller and gives its outcome to all.
// Unlike with sync.Once, a caller stops waiting when its context ends.
type once[T any] struct {
	first sync.Once
	done  chan struct{} // nil before the first call; closed when value and err are there
	value T
	err   error
}

func (o *once[T]) do(ctx context.Context, f func() (T, error)) (T, error) {
	o.first.Do(func() {
		o.done = make(chan struct{})
		go func() {
			defer close(o.done)
			defer func() {
				if p := recover(); p != nil {
					o.err = fmt.Errorf("%w: %v\n%s", errMistake, p, debug.Stack())
				}
			}()
			o.value, o.err = f()
		}()
	})
	select {
	case <-o.done:
		return o.value, o.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// ready returns the outcome if the first call has ended. It is called when
// nobody makes it any more.
func (o *once[T]) ready() (v T, ok bool) {
	select {
	case <-o.done:
		return o.value, true
	default:
		return v, false
	}
}

// Session opens the run's conversation with the responder; every check shares
// it. It returns nil and no error when no responder was named.
func (e *Env) Session(ctx context.Context) (*session.Client, error) {
	if e.Inputs.Responder == "" {
		return nil, nil
	}
	u := usesOf(ctx)
	if own := u.session(); own != nil {
		u.note(own, e.late.Load())
		return own, nil
	}
	run := e.run
	if run == nil {
		run = ctx
	}
	// Not the time of the check that happens to be first bounds it: a busy
	// responder is waited for.
	c, err := e.session.do(ctx, func() (*session.Client, error) { return e.open(run) })
	u.note(c, 0)
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		u.missed(d.Name)
	}
	return c, err
}

func (e *Env) open(ctx context.Context) (*session.Client, error) {
	return session.Open(ctx, e.Net, session.Target{
		Host: e.Inputs.Responder, Fingerprint: e.Inputs.Fingerprint, Bind: e.Inputs.Bind,
		Waiting: func(d time.Duration) { e.Progress(Event{Text: words.Say("checks.progress.busy", nil), Left: d}) },
	})
}

// closeSession ends the session politely; a responder that is gone is no
// error any more.
func (e *Env) closeSession(ctx context.Context) {
	if c, ok := e.session.ready(); ok {
		sayGoodbye(ctx, c)
	}
}

func sayGoodbye(ctx context.Context, c *session.Client) {
	if c != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Close(ctx)
	}
}

// FreshRTPPort returns an even port that no other probe of this run has named, nor
// of the runs that share its RTPPorts: an ALG keeps expectations of earlier probes,
// and a probe that reuses a port may be judged by them.
func (e *Env) FreshRTPPort() int {
	e.portsOnce.Do(func() {
		if e.RTPPorts == nil {
			e.RTPPorts = NewRTPPorts()
		}
	})
	return e.RTPPorts.fresh()
}

// RTPPorts hands out ports, each once in several thousand.
type RTPPorts struct {
	start int64
	n     atomic.Int64
}

// The ports lie in 10000-31999, below every system's usual ephemeral range.
const (
	firstRTPPort = 10000
	rtpPortPairs = 11000
)

// NewRTPPorts starts in a random place, so that a second run within a NAT's memory
// of the first does not meet its expectations.
func NewRTPPorts() *RTPPorts { return &RTPPorts{start: rand.Int64N(rtpPortPairs)} }

func (p *RTPPorts) fresh() int {
	return firstRTPPort + 2*int((p.start+p.n.Add(1))%rtpPortPairs)
}

// PBX is the machine that the run looks at from inside; its checks share what
// was read of it. It must not be asked without a System.
func (e *Env) PBX() *pbx.PBX {
	e.pbxOnce.Do(func() { e.pbx = pbx.New(e.System) })
	return e.pbx
}
