package reports

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// pushTimeout bounds one push: 256 KiB over 256 kbit/s are 8 s.
const pushTimeout = 30 * time.Second

// maxAnswer bounds what a responder may answer, bytes.
const maxAnswer = 4 << 10

// Office sends the reports of one site. Its methods are called one at a time.
type Office struct {
	Site, Agent string
	Key         Key

	web *session.Web
}

// NewOffice names the responder, HOST[:PORT], and the fingerprint of its certificate;
// without one the certificate is verified as a browser would, or a self-signed one
// believed for as long as the Office is used.
func NewOffice(n platform.Network, responder, fingerprint string) (*Office, error) {
	if _, err := netinfo.ParseHostPort(responder); err != nil {
		return nil, err
	}
	w, err := session.NewWeb(n, session.Target{Host: responder, Fingerprint: fingerprint, Flag: "--report-fingerprint"})
	return &Office{web: w}, err
}

// Notes are what a user should know of the responder's certificate.
func (o *Office) Notes() []words.Cause { return o.web.Notes() }

// Push sends a report that Pack made. later is how many newer ones there are. The
// error is that of the network; what the responder says is the Answer.
func (o *Office) Push(ctx context.Context, body []byte, later int) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	defer o.web.Idle()
	var n nonceReply
	status, b, err := o.web.Do(ctx, http.MethodGet, Path+"nonce", nil, nil, maxAnswer)
	if err != nil {
		return Answer{}, err
	}
	if status != http.StatusOK || json.Unmarshal(b, &n) != nil {
		return answerOf(status, b), nil
	}
	c := claim{site: o.Site, nonce: n.Nonce, agent: o.Agent, digest: digestOf(body), later: later}
	if len(c.nonce) > 256 || bytes.ContainsAny([]byte(c.nonce), "\r\n\x00") {
		return Answer{Code: NoReports}, nil
	}
	header := http.Header{
		headerNonce: {c.nonce}, headerAgent: {c.agent}, headerLater: {strconv.Itoa(later)}, headerDigest: {c.digest},
		headerMAC: {hex.EncodeToString(c.mac(o.Key))}, "Content-Type": {"application/gzip"},
	}
	status, b, err = o.web.Do(ctx, http.MethodPost, Path+o.Site, header, bytes.NewReader(body), maxAnswer)
	if err != nil {
		return Answer{}, err
	}
	return answerOf(status, b), nil
}

// answerOf reads an answer. Nothing of it is believed but codes that there are, so
// that only a responder that took the report says so.
func answerOf(status int, b []byte) Answer {
	var a Answer
	if json.Unmarshal(b, &a) != nil || a.Code.status() != status {
		switch status {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			return Answer{Code: Busy}
		}
		return Answer{Code: NoReports}
	}
	a.RetryAfterS = min(max(a.RetryAfterS, 0), 60)
	return a
}
