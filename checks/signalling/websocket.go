package signalling

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// webSocketPath is where SIP servers accept WebSockets: Asterisk only there
// (res_http_websocket), Kamailio, FreeSWITCH and OpenSIPS on any path.
const webSocketPath = "/ws"

// A webSocket is the client's end of RFC 6455 with the subprotocol "sip" (RFC
// 7118), as far as SIP needs it.
type webSocket struct {
	w io.Writer
	r *bufio.Reader
}

// maxHandshake bounds the answer before the first frame, in bytes.
const maxHandshake = 32 << 10

func upgrade(ctx context.Context, conn net.Conn, t target, p *Probe) (*webSocket, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails (crypto/rand)
	key := base64.StdEncoding.EncodeToString(nonce[:])
	p.Path = webSocketPath
	req := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: webSocketPath}, Host: uriHost(t.domain, int(t.addr.Port())),
		ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "User-Agent": {"sipdoctor"},
			"Sec-Websocket-Key": {key}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Protocol": {"sip"},
		},
	}
	if err := req.Write(conn); err != nil {
		return nil, fmt.Errorf("asking for a WebSocket: %w", err)
	}
	limited := &io.LimitedReader{R: conn, N: maxHandshake}
	r := bufio.NewReader(limited)
	resp, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, fmt.Errorf("reading the answer to the request for a WebSocket: %w", err)
	}
	if err := accepted(resp, key); err != nil {
		p.HTTPStatus = resp.StatusCode
		return nil, err
	}
	limited.N = 1 << 62 // frames have a limit of their own
	return &webSocket{w: conn, r: r}, nil
}

// Why a web server does not take SIP over a WebSocket: codes of Probe.Error.
var (
	errWebSocketRefused = errors.New("websocket-refused") // with an HTTP status
	errWebSocketBroken  = errors.New("websocket-broken")
	errWebSocketNoSIP   = errors.New("websocket-no-sip")
)

// accepted checks the server's half of the handshake (RFC 6455, section 4.1).
func accepted(resp *http.Response, key string) error {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return errWebSocketRefused
	case !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket"),
		resp.Header.Get("Sec-Websocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]):
		return errWebSocketBroken
	case !strings.EqualFold(resp.Header.Get("Sec-Websocket-Protocol"), "sip"):
		return errWebSocketNoSIP
	}
	return nil
}

// The frame types of RFC 6455, section 5.2.
const (
	frameContinuation = 0
	frameText         = 1
	frameBinary       = 2
	frameClose        = 8
	framePing         = 9
)

// Send writes one text frame, masked as a client must.
func (s *webSocket) Send(b []byte) error { return s.frame(frameText, b) }

func (s *webSocket) frame(kind byte, b []byte) error {
	f := []byte{0x80 | kind}
	switch {
	case len(b) < 126:
		f = append(f, 0x80|byte(len(b)))
	case len(b) < 1<<16:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(len(b)))
	default:
		return fmt.Errorf("sending a frame of %d bytes: too long", len(b))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:])
	f = append(f, mask[:]...)
	for i, c := range b {
		f = append(f, c^mask[i%4])
	}
	_, err := s.w.Write(f)
	return err
}

// Receive returns the next whole message, and answers pings on the way.
func (s *webSocket) Receive() ([]byte, error) {
	var message []byte
	for {
		kind, final, b, err := readFrame(s.r)
		if err != nil {
			return nil, err
		}
		switch kind {
		case framePing:
			if err := s.frame(framePing+1, b); err != nil {
				return nil, err
			}
		case frameClose:
			return nil, errors.New("the WebSocket was closed without an answer")
		case frameText, frameBinary, frameContinuation:
			message = append(message, b...)
			if len(message) > sip.MaxMessage {
				return nil, fmt.Errorf("a WebSocket message of more than %d bytes", sip.MaxMessage)
			}
			if final {
				if m := bytes.TrimLeft(message, "\r\n"); len(m) > 0 { // keep-alives, RFC 7118, section 6
					return m, nil
				}
				message = nil
			}
		}
	}
}

func readFrame(r io.Reader) (kind byte, final bool, b []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, false, nil, err
	}
	n := uint64(h[1] & 0x7f)
	switch {
	case h[0]&0x70 != 0 || h[1]&0x80 != 0:
		return 0, false, nil, errors.New("a malformed WebSocket frame")
	case n == 126:
		var l [2]byte
		if _, err := io.ReadFull(r, l[:]); err != nil {
			return 0, false, nil, err
		}
		n = uint64(binary.BigEndian.Uint16(l[:]))
	case n == 127:
		return 0, false, nil, errors.New("a WebSocket frame of 64 KiB or more")
	}
	b = make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return 0, false, nil, err
	}
	return h[0] & 0x0f, h[0]&0x80 != 0, b, nil
}
