package session

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// callTimeout bounds one control call after the session is open. A responder
// that lives answers in a round trip; one that was stopped must not cost the
// checks more than a few seconds.
const callTimeout = 4 * time.Second

// A carrier takes control calls to the responder. in and out are JSON; info
// is the session, nil for OpOpen.
type carrier interface {
	call(ctx context.Context, op string, info *Info, in, out any) error
	close()
}

// https carries the calls over TLS, with one kept connection.
type https struct {
	remote netip.AddrPort
	client *http.Client
}

func newHTTPS(n platform.Network, local netip.Addr, remote netip.AddrPort, p *pin) *https {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		raw, err := n.DialTCP(ctx, netip.AddrPortFrom(local, 0), remote)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, p.config())
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, handshakeError(err)
		}
		return conn, nil
	}
	return &https{remote: remote, client: &http.Client{
		Transport: &http.Transport{
			DialTLSContext:  dial,
			MaxConnsPerHost: 4, // the calls of parallel checks; more would only fill the router's table
			IdleConnTimeout: time.Minute,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func handshakeError(err error) error {
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record) && string(record.RecordHeader[:]) == BusyPreface:
		return &refusalError{&BusyError{Text: "it has no room for another connection", After: 2 * time.Second}}
	case errors.As(err, &record):
		return errors.New("what answers there does not speak TLS: it is not a sipdoctor responder, or something on the path interferes")
	case errors.Is(err, io.EOF):
		return errors.New("the connection was closed during the TLS handshake: it is not a sipdoctor responder, or something on the path interferes")
	}
	return err
}

func (h *https) close() { h.client.CloseIdleConnections() }

func (h *https) call(ctx context.Context, op string, info *Info, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("writing the call %s: %w", op, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+h.remote.String()+Path(op), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("writing the call %s: %w", op, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(HeaderCall, newCall())
	if info != nil {
		req.Header.Set("Authorization", Bearer(info.ID, info.Secret))
	}
	resp, err := h.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			return u.Err // the caller names the responder in the user's own words
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return readResponse(resp, out)
}

// readResponse reads a responder's answer.
func readResponse(resp *http.Response, out any) error {
	if err := isResponder(resp); err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxReply+1))
	if err != nil {
		return fmt.Errorf("reading the responder's answer: %w", err)
	}
	if len(b) > MaxReply {
		return fmt.Errorf("reading the responder's answer: longer than %d bytes", MaxReply)
	}
	return readReply(resp.StatusCode, b, out)
}

// isResponder tells a responder from any other web server.
func isResponder(resp *http.Response) error {
	if resp.Header.Get(HeaderProtocol) != "" {
		return nil
	}
	return refusal("what answers there is a web server, but no sipdoctor responder (HTTP %d, %.40q)",
		resp.StatusCode, resp.Header.Get("Content-Type"))
}

// readReply decodes what a responder answered, over either carrier.
func readReply(status int, b []byte, out any) error {
	if status != http.StatusOK {
		var e ErrorReply
		if json.Unmarshal(b, &e) != nil || e.Error == "" {
			return refusal("the responder refused (status %d)", status)
		}
		if busyStatus(status) && e.RetryAfterS > 0 {
			return &refusalError{&BusyError{Text: printable(e.Error), After: time.Duration(min(e.RetryAfterS, maxRetryAfter)) * time.Second}}
		}
		return refusal("the responder refused: %.300q", e.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("reading the responder's answer: %w", err)
	}
	return nil
}

// maxRetryAfter bounds what a responder may ask for, seconds.
const maxRetryAfter = 3600

// printable is a text of the responder as it may stand in a message.
func printable(text string) string {
	q := strconv.Quote(text[:min(len(text), 300)])
	return q[1 : len(q)-1]
}
