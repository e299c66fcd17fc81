// Package reports takes the reports of many offices in one place. The offices are
// behind NAT, so they push: both ends of that conversation are here, the office's
// (Office, Queue) and the responder's (Store, which is an http.Handler).
//
// An office fetches a nonce and sends its report with a code over the nonce, its
// site's name and the digest of the report, made with the site's key (HMAC, RFC
// 2104). So a recorded request is of no use to anybody, and the two clocks need not
// agree.
package reports

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Path is where everything about reports lies on a responder.
const Path = "/reports/"

// The bounds of a report: a whole one without observations has some 30 KiB, 6 KiB
// compressed.
const (
	MaxBody     = 256 << 10 // compressed, bytes
	MaxExpanded = 4 << 20   // bytes
	// maxValues bounds the values in a report: the shortest take 300 times their
	// length once they are decoded. A whole report has some 3000.
	maxValues = 50_000
)

// MinInterval is the least time between two reports of one site.
const MinInterval = 10 * time.Second

const (
	headerNonce  = "Sipdoctor-Nonce"
	headerAgent  = "Sipdoctor-Agent"
	headerLater  = "Sipdoctor-Later" // how many newer reports the office still has to send
	headerDigest = "Sipdoctor-Digest"
	headerMAC    = "Sipdoctor-Code"
)

// Code says why a report was not taken; "" where it was.
type Code string

// The codes. The office keeps a report that was not taken, unless it is Hopeless.
const (
	Malformed    Code = "malformed"     // the request is not one of this protocol
	StaleNonce   Code = "stale-nonce"   // the nonce is older than a minute, or of another start
	WrongKey     Code = "wrong-key"     // or a site that is not known
	Replayed     Code = "replayed"      // the nonce was used
	TooSoon      Code = "too-soon"      // less than MinInterval after the last one
	TooLarge     Code = "too-large"     // beyond the bounds
	Damaged      Code = "damaged"       // the body is not what was signed
	NotAReport   Code = "not-a-report"  // nothing that this program can read
	NewerVersion Code = "newer-version" // a report of another schema
	NotStored    Code = "not-stored"    // seen, but the disk does not take it
	Busy         Code = "busy"          // limits of the responder
	NoReports    Code = "no-reports"    // a responder without --reports, or an older one
)

// status is the HTTP status of a code.
func (c Code) status() int {
	return map[Code]int{
		"": http.StatusOK, Malformed: http.StatusBadRequest, StaleNonce: http.StatusUnauthorized, WrongKey: http.StatusForbidden,
		Replayed: http.StatusConflict, TooSoon: http.StatusTooManyRequests, TooLarge: http.StatusRequestEntityTooLarge,
		Damaged: http.StatusBadRequest, NotAReport: http.StatusBadRequest, NewerVersion: http.StatusUnprocessableEntity,
		NotStored: http.StatusInsufficientStorage, Busy: http.StatusServiceUnavailable,
	}[c]
}

// Hopeless reports that the same report would never be taken.
func (c Code) Hopeless() bool {
	return c == Malformed || c == TooLarge || c == NotAReport
}

// Answer is what a responder says to a report.
type Answer struct {
	Code        Code   `json:"code,omitempty"`
	RetryAfterS int    `json:"retry_after_s,omitempty"`
	Other       *Other `json:"other,omitempty"`
}

// Other is another agent that reports for the same site.
type Other struct {
	Address netip.Addr `json:"address"`
	At      time.Time  `json:"at"` // by the responder's clock
}

type nonceReply struct {
	Nonce string `json:"nonce"`
}

var siteName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$`)

// ValidSite reports whether a site may be called so: up to 64 letters, digits,
// dots, hyphens and underscores. A directory is called after it.
func ValidSite(name string) bool {
	return siteName.MatchString(name) && filepath.IsLocal(name) && !strings.EqualFold(name, keysFile)
}

var agentName = regexp.MustCompile(`^[0-9a-f]{16}$`)

// ValidAgent reports whether name is one that NewAgent made.
func ValidAgent(name string) bool { return agentName.MatchString(name) }

// NewAgent is a name for one installation, by which two that report for the same
// site are told apart.
func NewAgent() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never returns an error
	return hex.EncodeToString(b[:])
}

// AgentOf is a name for an installation that can keep none: the same at each start of a
// machine that goes by the same name.
func AgentOf(k Key, machine string) string {
	m := hmac.New(sha256.New, k[:])
	m.Write([]byte("sipdoctor agent 1\n" + machine))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// Key is what a site and the responder share.
type Key [32]byte

// NewKey makes a key.
func NewKey() (k Key) {
	_, _ = rand.Read(k[:]) // never returns an error
	return k
}

// ParseKey reads 64 hex digits.
func ParseKey(text string) (k Key, ok bool) {
	b, err := hex.DecodeString(text)
	return k, err == nil && copy(k[:], b) == len(k) && len(b) == len(k)
}

// Hex is the key as ParseKey reads it: for the person who sets a site up.
func (k Key) Hex() string { return hex.EncodeToString(k[:]) }

// String hides the key from logs.
func (Key) String() string { return "(key)" }

// claim is what the office says of a report, and signs.
type claim struct {
	site, nonce, agent, digest string
	later                      int
}

func (c *claim) mac(k Key) []byte {
	m := hmac.New(sha256.New, k[:])
	m.Write([]byte(strings.Join([]string{"sipdoctor report 1", c.site, c.nonce, c.agent, strconv.Itoa(c.later), c.digest}, "\n")))
	return m.Sum(nil)
}

func digestOf(body []byte) string {
	d := sha256.Sum256(body)
	return hex.EncodeToString(d[:])
}
