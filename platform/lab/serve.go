package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"
)

// A Server is the responder of an office.
type Server struct {
	Fingerprint string // SHA-256 of its certificate, 64 lower-case hex digits
	at          string // as check names it
	servers     Servers
}

// CheckArgs are the arguments by which check finds the servers of the lab.
func (s *Server) CheckArgs() []string {
	return append(s.responderArgs(), "--sip-server", s.servers.SIP.String(), "--stun", s.servers.STUN.String())
}

func (s *Server) responderArgs() []string {
	return []string{"--responder", s.at, "--responder-fingerprint", s.Fingerprint}
}

// CheckArgs are the arguments that make check test what this office is about.
func (s Scenario) CheckArgs() []string {
	switch {
	case s.Inbound != "":
		return []string{"--inbound", "--rtp-range", s.Inbound}
	case len(s.Ladder) > 0:
		return []string{"--ladder", strings.Trim(strings.Join(strings.Fields(fmt.Sprint(s.Ladder)), ","), "[]")}
	case s.Flood != "":
		return []string{"rtp-ports", "--full", "--fast", "--rtp-range", s.Flood}
	}
	return nil
}

// ResponderAt is how check names the responder of a lab: with the port of its
// control channel, unless that is the usual one (0).
func ResponderAt(controlPort int) string { return usualServers().responderAt(controlPort) }

func (s Servers) responderAt(controlPort int) string {
	if controlPort == 0 {
		return s.Responder.String()
	}
	return fmt.Sprintf("%s:%d", s.Responder, controlPort)
}

// servePatience is how long a responder may take to make its key and say so;
// a busy machine with one core needs a second.
const servePatience = 20 * time.Second

// Serve starts the responder, and beside it a plain SIP server and a second
// STUN server, which are the same program on other hosts. It returns when all
// of them say that they are ready. They end with the office or with ctx.
func (o *Office) Serve(ctx context.Context, self string) (*Server, error) {
	hosts := []struct {
		node  *Node
		addrs []netip.Addr
	}{
		{o.Responder, []netip.Addr{o.Servers.Responder, o.Servers.Responder2}},
		{o.SIPServer, []netip.Addr{o.Servers.SIP}},
		{o.STUNServer, []netip.Addr{o.Servers.STUN}},
	}
	var started []*starting
	for _, h := range hosts {
		argv := []string{"serve", "--ephemeral"} // nothing of an office is kept
		for _, a := range single(h.addrs...) {
			argv = append(argv, "--listen", a.Addr().String())
		}
		if p := o.Scenario.ControlPort; p != 0 {
			argv = append(argv, "--control", fmt.Sprintf(":%d", p))
		}
		s, err := start(h.node.Command(ctx, program(self), argv...))
		if err != nil {
			return nil, fmt.Errorf("starting the responder on %q: %w", h.node.Name, err)
		}
		started = append(started, s)
	}
	for i, s := range started {
		if err := s.wait(ctx, servePatience); err != nil {
			return nil, fmt.Errorf("waiting for the responder on %q: %w", hosts[i].node.Name, err)
		}
	}
	return &Server{Fingerprint: started[0].fingerprint, at: o.Servers.responderAt(o.Scenario.ControlPort), servers: o.Servers}, nil
}

// starting is a responder that has not said its fingerprint yet. Its other
// lines are kept until then, to explain a responder that ends instead.
type starting struct {
	cmd         *Cmd
	ready       chan struct{} // closed when the fingerprint is known or the output ended
	fingerprint string
	lines       []string
}

func start(cmd *Cmd) (*starting, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	detach(cmd.Cmd)
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	s := &starting{cmd: cmd, ready: make(chan struct{})}
	go s.listen(r)
	return s, nil
}

// maxStartLines bounds what is kept of a responder that talks and never starts.
const maxStartLines = 50

// listen reads until the end, so that the responder never blocks on its output.
func (s *starting) listen(r io.ReadCloser) {
	defer r.Close()
	lines := bufio.NewScanner(r)
	for s.fingerprint == "" && lines.Scan() {
		if len(s.lines) < maxStartLines {
			s.lines = append(s.lines, lines.Text())
		}
		s.fingerprint = findFingerprint(lines.Text())
	}
	close(s.ready)
	_, _ = io.Copy(io.Discard, r)
	_ = s.cmd.Wait()
}

func (s *starting) wait(ctx context.Context, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.ready:
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("no fingerprint in its output within %s", patience)
	}
	if s.fingerprint == "" && len(s.lines) == 0 {
		return errors.New("it ended without a word")
	}
	if s.fingerprint == "" {
		return fmt.Errorf("it ended without a fingerprint and said: %s", strings.Join(s.lines, " | "))
	}
	return nil
}

// findFingerprint finds a SHA-256 in hex, with or without colons, in a line.
func findFingerprint(line string) string {
	return strings.ToLower(strings.ReplaceAll(fingerprintPattern.FindString(line), ":", ""))
}

var fingerprintPattern = regexp.MustCompile(`\b([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}\b`)
