package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Web is a responder as a web server, for calls that belong to no session. The
// certificate is believed as Open believes it, for as long as the Web is used.
// Its methods may be called concurrently.
type Web struct {
	net    platform.Network
	bind   netip.Addr
	host   string
	port   int
	pin    *pin
	client *http.Client
}

// NewWeb names a responder; nothing is sent yet.
func NewWeb(n platform.Network, t Target) (*Web, error) {
	host, port, p, err := t.parse()
	if err != nil {
		return nil, err
	}
	w := &Web{net: n, bind: t.Bind, host: host, port: port, pin: p}
	w.client = &http.Client{
		Transport:     &http.Transport{DialTLSContext: w.dial, MaxConnsPerHost: 1},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w, nil
}

// dial asks for the responder's address each time: a Web lives for months.
func (w *Web) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	addrs, err := usable(ctx, w.net, w.host, w.bind)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		var conn net.Conn
		if conn, err = w.dialAddr(ctx, a); err == nil || isRefusal(err) || ctx.Err() != nil {
			return conn, err
		}
	}
	return nil, err
}

func (w *Web) dialAddr(ctx context.Context, a netip.Addr) (net.Conn, error) {
	raw, err := w.net.DialTCP(ctx, netip.AddrPortFrom(w.bind, 0), netip.AddrPortFrom(a, uint16(w.port)))
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, w.pin.config())
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, handshakeError(err)
	}
	return conn, nil
}

// Do sends a request and returns the status of the answer with at most limit
// bytes of its body. What is no sipdoctor responder is an error.
func (w *Web) Do(ctx context.Context, method, path string, header http.Header, body io.Reader, limit int) (int, []byte, error) {
	at := url.URL{Scheme: "https", Host: net.JoinHostPort(w.host, strconv.Itoa(w.port)), Path: path}
	req, err := http.NewRequestWithContext(ctx, method, at.String(), body)
	if err != nil {
		return 0, nil, fmt.Errorf("writing the call %s: %w", path, err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := w.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			return 0, nil, u.Err
		}
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if err := isResponder(resp); err != nil {
		return 0, nil, err
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)))
	if err != nil {
		return 0, nil, fmt.Errorf("reading the responder's answer: %w", err)
	}
	return resp.StatusCode, b, nil
}

// Notes are what a user should know of the responder's certificate.
func (w *Web) Notes() []words.Cause { return w.pin.notes() }

// Idle closes the connection that is kept between calls.
func (w *Web) Idle() { w.client.CloseIdleConnections() }
