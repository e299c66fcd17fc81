package routertest

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform"
)

// SSH serves the router's console until the test ends.
func (r *Router) SSH(t testing.TB) platform.Login {
	t.Helper()
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{ServerVersion: "SSH-2.0-ROSSSH", PasswordCallback: func(c ssh.ConnMetadata, word []byte) (*ssh.Permissions, error) {
		if !r.login(c.User(), string(word)) {
			return nil, errors.New("no")
		}
		return nil, nil
	}}
	config.AddHostKey(signer)
	port := serve(t, nil, func(c net.Conn) { r.sshConn(c, config) })
	return platform.Login{
		User: r.User, Host: "127.0.0.1", Port: port, HostKey: ssh.FingerprintSHA256(signer.PublicKey()),
		Password: func(context.Context, string) (string, error) { return r.Password, nil },
	}
}

func (r *Router) sshConn(c net.Conn, config *ssh.ServerConfig) {
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for n := range channels {
		ch, requests, err := n.Accept()
		if err != nil {
			return
		}
		go r.session(ch, requests, c)
	}
}

func (r *Router) session(ch ssh.Channel, requests <-chan *ssh.Request, c net.Conn) {
	defer ch.Close()
	for q := range requests {
		_ = q.Reply(true, nil)
		switch q.Type {
		case "exec":
			out, err := r.line(string(q.Payload[4:]))
			if err != nil {
				_, _ = io.WriteString(ch, "half of an ans")
				c.Close()
				return
			}
			_, _ = io.WriteString(ch, strings.ReplaceAll(out, "\n", "\r\n"))
			return
		case "shell":
			s := &shell{r: r, ch: ch, in: bufio.NewReader(ch)}
			if s.run() != nil {
				c.Close()
			}
			return
		}
	}
}

// A shell is the console as a terminal shows it.
type shell struct {
	r      *Router
	ch     io.Writer
	in     *bufio.Reader
	safe   bool
	before string // the configuration, while it is safe
}

func (s *shell) show(text string) {
	_, _ = io.WriteString(s.ch, strings.ReplaceAll(text, "\n", "\r\n"))
}

// prompt shows it as RouterOS does: again and again, and with what a terminal needs.
func (s *shell) prompt() {
	p := "[admin@MikroTik] "
	if s.safe {
		p += "<SAFE> "
	}
	s.show("\r\r\x1b[9999B\r" + p + "> \x1b[K\r\x1b[m" + p + "> ")
}

// run is the conversation; an error cuts the connection.
func (s *shell) run() error {
	if asks := s.r.Asks; asks != "" {
		s.show(asks)
		key, _ := s.in.ReadByte()
		s.key(key)
		s.show("\n")
	}
	s.show("\n  MikroTik RouterOS " + s.r.cfg.Version.Text + " (c) 1999-2026\n\n")
	s.prompt()
	line := ""
	for {
		key, err := s.in.ReadByte()
		switch {
		case err != nil || key == 4:
			s.takeBack()
			return nil
		case key == 0x18:
			s.toggle()
		case key == '\r':
			s.show("\n")
			if line == "" {
				s.prompt()
				continue
			}
			out, err := s.r.line(line)
			if err != nil {
				s.takeBack()
				return err
			}
			line = ""
			s.show(out)
			s.prompt()
		case key >= ' ':
			line += string(rune(key))
			_, _ = s.ch.Write([]byte{key})
		}
	}
}

func (s *shell) key(key byte) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.keys += string(rune(key))
}

// toggle is Ctrl-X.
func (s *shell) toggle() {
	switch {
	case s.r.NoSafe:
		s.show("\n")
	case s.safe:
		s.safe = false
		s.show("\n[Safe Mode released]\n")
	case s.r.Hijacked:
		s.show("\nHijacking Safe Mode from someone - unroll/release/don't take it [u/r/d]: ")
		key, _ := s.in.ReadByte()
		s.key(key)
		s.show("\n")
	default:
		s.safe, s.before = true, s.r.Export()
		s.show("\n[Safe Mode taken]\n")
	}
	s.prompt()
}

// takeBack undoes what was done in safe mode, when the session ends in it.
func (s *shell) takeBack() {
	if !s.safe {
		return
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if cfg, err := routeros.Read([]byte(s.before)); err == nil {
		s.r.cfg = cfg
	}
}
