package mikrotik

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// A REST is the API of version 7 over HTTPS. Each question logs in again, by HTTP Basic.
type REST struct {
	account Account
	word    string
	client  *http.Client
	lost    error // why nothing more is asked
	silence time.Duration
}

const restPort = 443

// DialREST asks for what every user may read, to learn whether the login is right.
func DialREST(ctx context.Context, a Account) (*REST, error) {
	r := &REST{account: a, silence: answerPatience, client: &http.Client{
		// No proxy: the router is here, and its password goes to nobody else.
		Transport: &http.Transport{
			TLSClientConfig: a.tlsConfig(), TLSHandshakeTimeout: loginPatience, MaxIdleConnsPerHost: 1,
			DialContext: (&net.Dialer{Timeout: loginPatience}).DialContext,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	var err error
	if r.word, err = a.Password(ctx); err == nil {
		_, err = r.List(ctx, "/system/resource", Query{Only: []string{"version"}})
	}
	if refused, ok := errors.AsType[*Refused](err); ok {
		err = fmt.Errorf("this is not the REST API of RouterOS: %w", refused)
	}
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", a.address(restPort), err)
	}
	return r, nil
}

// Close hangs up.
func (r *REST) Close() error {
	r.client.CloseIdleConnections()
	return nil
}

// List are the items of a menu such as "/ip/address", or its settings as one item.
func (r *REST) List(ctx context.Context, menu string, q Query) ([]Entry, error) {
	ask := map[string]any{}
	if len(q.Only) > 0 {
		ask[".proplist"] = q.Only
	}
	if q.Where != (Field{}) {
		ask[".query"] = []string{q.Where.Name + "=" + q.Where.Value}
	}
	b, err := r.post(ctx, menu+"/print", ask)
	if err != nil {
		return nil, err
	}
	return entriesOf(b)
}

// entriesOf reads a list of items, or one.
func entriesOf(b []byte) (list []Entry, err error) {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' {
		list = make([]Entry, 1)
		err = json.Unmarshal(b, &list[0])
	} else {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the router's answer: %w", err)
	}
	return list, nil
}

// Do runs a command of a menu.
func (r *REST) Do(ctx context.Context, menu, verb string, fields []Field) error {
	ask := map[string]any{}
	for _, f := range fields {
		ask[f.Name] = f.Value
	}
	_, err := r.post(ctx, menu+"/"+verb, ask)
	return err
}

// post asks one thing.
func (r *REST) post(ctx context.Context, path string, ask any) ([]byte, error) {
	if r.lost != nil {
		return nil, r.lost
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	limited, done := context.WithTimeoutCause(ctx, wholePatience, noAnswer(wholePatience))
	defer done()
	limited, fail := context.WithCancelCause(limited)
	defer fail(nil)
	idle := time.AfterFunc(r.silence, func() { fail(noAnswer(r.silence)) })
	defer idle.Stop()
	to := url.URL{Scheme: "https", Host: r.account.address(restPort), Path: "/rest" + path} // a zone is escaped
	q, err := http.NewRequestWithContext(limited, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.SetBasicAuth(r.account.User, r.word)
	q.Header.Set("Content-Type", "application/json")
	b, err := r.fetch(q, func() { idle.Reset(r.silence) })
	if limited.Err() != nil { // what came may end in the middle, and look whole
		return nil, context.Cause(limited)
	}
	return b, err
}

// fetch asks; alive is called when something has come.
func (r *REST) fetch(q *http.Request, alive func()) ([]byte, error) {
	answer, err := r.client.Do(q)
	if err != nil {
		if errors.Is(err, io.EOF) || platform.Classify(err) == platform.ClassReset {
			err = ErrLost
		}
		return nil, r.account.ofCertificate(err)
	}
	defer answer.Body.Close()
	alive()
	b, err := io.ReadAll(io.LimitReader(heard{answer.Body, alive}, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w (%w)", ErrLost, err)
	case len(b) > maxAnswer || bytes.Count(b, []byte("{")) > maxItems:
		return nil, errTooMuch
	case answer.StatusCode == http.StatusUnauthorized:
		r.lost = platform.ErrLogin // and is not tried again
		return nil, r.lost
	case answer.StatusCode >= 300:
		return nil, refusalOf(answer.Status, b)
	}
	return b, nil
}

// heard reads, and says that something came.
type heard struct {
	io.Reader
	alive func()
}

func (h heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.alive()
	return n, err
}

// refusalOf is the answer of RouterOS in a reply with an error, or its status where
// there is none.
func refusalOf(status string, b []byte) error {
	var said struct{ Message, Detail string }
	_ = json.Unmarshal(b, &said) // whoever answers in another form is no REST API
	for _, text := range []string{said.Detail, said.Message} {
		if text != "" {
			return refused(text)
		}
	}
	return refused(status)
}

func refused(text string) error { return &Refused{said(text)} }
