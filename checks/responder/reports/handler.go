package reports

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers everything under Path: GET nonce, and POST of a site's name.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, Path)
	switch {
	case r.Method == http.MethodGet && name == "nonce":
		reply(w, http.StatusOK, nonceReply{s.nonces.make()})
	case r.Method == http.MethodPost:
		answer := s.take(w, r, name)
		reply(w, answer.Code.status(), answer)
	default:
		reply(w, http.StatusNotFound, Answer{Code: Malformed})
	}
}

func reply(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the office asks again for what it does not get
}

// take takes one report. Nothing is read of its body before the office has shown
// that it has the site's key.
func (s *Store) take(w http.ResponseWriter, r *http.Request, name string) Answer {
	c, mac, ok := claimOf(r, name)
	if !ok {
		return Answer{Code: Malformed}
	}
	now := time.Now()
	st, code := s.admit(c, mac, now)
	if code == TooSoon {
		return Answer{Code: code, RetryAfterS: int(MinInterval / time.Second)}
	}
	if code != "" {
		return Answer{Code: code}
	}
	defer s.done(st)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		if _, long := errors.AsType[*http.MaxBytesError](err); long {
			return Answer{Code: TooLarge}
		}
		return Answer{Code: Busy} // the line broke, or is slow
	}
	if digestOf(body) != c.digest {
		return Answer{Code: Damaged}
	}
	select {
	case s.decode <- struct{}{}:
		defer func() { <-s.decode }()
	case <-r.Context().Done():
		return Answer{Code: Busy}
	}
	return s.accept(st, c, body, addrOf(r), now)
}

// accept shows what a genuine report says, and keeps it.
func (s *Store) accept(st *site, c *claim, body []byte, from netip.Addr, now time.Time) Answer {
	text, err := expand(body)
	if err != nil {
		return Answer{Code: codeOf(err)}
	}
	report, line, err := parse(text)
	if err != nil {
		return Answer{Code: codeOf(err)}
	}
	answer := Answer{Other: s.note(c.site, st, c.agent, from, c.later > 0, s.figures(c.site, report), now)}
	if st.stored == c.digest {
		return answer // the office did not get the answer
	}
	if err := s.keep(c.site, st, line, arrival{now.UTC().Round(0), c.agent, from, c.later}); err != nil {
		s.say(Event{Kind: DiskFault, Site: c.site, Err: err})
		answer.Code = NotStored
		return answer
	}
	st.stored = c.digest
	return answer
}

func codeOf(err error) Code {
	if e, ok := errors.AsType[*codeError](err); ok {
		return e.code
	}
	return NotAReport
}

// claimOf reads what an office says of its report; ok is false where that is not of
// this protocol.
func claimOf(r *http.Request, name string) (c *claim, mac []byte, ok bool) {
	c = &claim{site: name, nonce: r.Header.Get(headerNonce), agent: r.Header.Get(headerAgent), digest: r.Header.Get(headerDigest)}
	later, laterErr := strconv.ParseUint(r.Header.Get(headerLater), 10, 16)
	mac, macErr := hex.DecodeString(r.Header.Get(headerMAC))
	c.later = int(later)
	return c, mac, laterErr == nil && macErr == nil && ValidSite(name) && ValidAgent(c.agent) && len(c.digest) == 64
}

func addrOf(r *http.Request) netip.Addr {
	at, _ := netip.ParseAddrPort(r.RemoteAddr) // net/http's own; invalid where it is none
	return at.Addr().Unmap()
}
