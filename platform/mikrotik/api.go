package mikrotik

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/go-routeros/routeros/v3"

	"github.com/sipdoctor/sipdoctor/platform"
)

// An API is a session with the API of a router, port 8728, or 8729 with TLS. It may be
// used by one at a time.
type API struct {
	conn   *frames
	client *routeros.Client
}

const (
	apiPort  = 8728
	apisPort = 8729
)

// DialAPI logs in, once. Without TLS the password passes in the clear; versions before
// 6.43 answer with a challenge instead.
func DialAPI(ctx context.Context, a Account, overTLS bool) (*API, error) {
	port := uint16(apiPort)
	if overTLS {
		port = apisPort
	}
	api, err := a.dialAPI(ctx, port, overTLS)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", a.address(port), err)
	}
	return api, nil
}

func (a Account) dialAPI(ctx context.Context, port uint16, overTLS bool) (*API, error) {
	word, err := a.Password(ctx) // before the router waits for it
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, loginPatience)
	defer cancel()
	var conn net.Conn
	if overTLS {
		conn, err = (&tls.Dialer{Config: a.tlsConfig()}).DialContext(limited, "tcp", a.address(port))
		err = a.ofCertificate(err)
	} else {
		conn, err = (&net.Dialer{}).DialContext(limited, "tcp", a.address(port))
	}
	if err != nil {
		return nil, err
	}
	f := &frames{Conn: conn}
	client, err := routeros.NewClient(f)
	if err != nil {
		conn.Close()
		return nil, err
	}
	client.SetLogHandler(slog.DiscardHandler) // it would log the password
	api := &API{f, client}
	err = api.do(limited, func() error { return client.LoginContext(limited, a.User, word) })
	if _, refused := errors.AsType[*Refused](err); refused {
		err = platform.ErrLogin
	}
	if err != nil {
		api.Close()
		return nil, err
	}
	return api, nil
}

// Close hangs up.
func (a *API) Close() error { return a.conn.Close() }

// do asks one thing. When ctx ends the connection is of no more use.
func (a *API) do(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, wholePatience, noAnswer(wholePatience))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { a.conn.Close() })
	defer stop()
	a.conn.answerBegins(ctx)
	err := ask()
	device, refused := errors.AsType[*routeros.DeviceError](err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case a.conn.fault != nil:
		return a.conn.fault
	case refused && device.Sentence.Word != "!fatal":
		return &Refused{said(device.Sentence.Map["message"])}
	case refused, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), platform.Classify(err) == platform.ClassReset:
		return ErrLost
	case platform.Classify(err) == platform.ClassTimeout:
		return noAnswer(answerPatience)
	}
	return err
}

// List are the items of a menu such as "/ip/address", or its settings as one item.
func (a *API) List(ctx context.Context, menu string, q Query) (list []Entry, err error) {
	words := []string{menu + "/print"}
	if len(q.Only) > 0 {
		words = append(words, "=.proplist="+strings.Join(q.Only, ","))
	}
	if q.Where != (Field{}) {
		words = append(words, "?"+q.Where.Name+"="+q.Where.Value)
	}
	err = a.do(ctx, func() error {
		reply, err := a.client.RunArgsContext(ctx, words)
		if err == nil {
			for _, row := range reply.Re {
				list = append(list, row.Map)
			}
		}
		return err
	})
	return list, err
}

// Do runs a command of a menu.
func (a *API) Do(ctx context.Context, menu, verb string, fields []Field) error {
	words := []string{menu + "/" + verb}
	for _, f := range fields {
		words = append(words, "="+f.Name+"="+f.Value)
	}
	return a.do(ctx, func() error {
		_, err := a.client.RunArgsContext(ctx, words)
		return err
	})
}
