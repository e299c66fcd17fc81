package render

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo/secrets"
)

// Redact returns a copy of r without addresses, hardware addresses, names of
// hosts and users, fingerprints and session ids, so that it can be shown to
// strangers. Each is replaced by a stand-in of its own kind (private stays
// private, public stays public) and the same one everywhere, so that the
// report still reads, can be saved and be judged again. Raw bytes that are no
// text are dropped.
func Redact(r *checks.Report) (*checks.Report, error) {
	tree, err := treeOf(r)
	if err != nil {
		return nil, err
	}
	red := newRedactor(r)
	walk(tree, place{}, func(at place, s string) string { red.collect(at, s); return s })
	red.assign()
	walk(tree, place{}, red.replaceAt)
	out, err := reportOf(tree)
	if err != nil {
		return nil, err
	}
	out.Redacted = true
	return out, nil
}

// place is where in the report a string stands.
type place struct {
	parent, key string
	observed    bool // inside the raw observation of a check
	remark      bool // what somebody noted beside a rule or a ban
}

// remarkLayers are those whose reasons are comments of an administrator; the
// others' are lines of a log.
var remarkLayers = map[string]bool{"csf": true, "ufw": true, "firewalld": true, "iptables": true, "nftables": true, "ipset": true, "hosts.deny": true, "sshguard": true, "route": true}

// isRemark reports whether a key of a ban holds what its administrator noted.
func isRemark(ban map[string]any, key string) bool {
	layer, _ := ban["layer"].(string)
	return key == "reasons" && remarkLayers[layer] || key == "comment"
}

// walk replaces every string below tree, in a fixed order. Map keys are data
// too where the observation uses hosts as keys.
func walk(tree any, at place, f func(place, string) string) any {
	switch t := tree.(type) {
	case string:
		return f(at, t)
	case []any:
		for i := range t {
			t[i] = walk(t[i], at, f)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(t)) {
			sub := place{parent: at.key, key: k, observed: at.observed || k == "observed", remark: isRemark(t, k)}
			v := walk(t[k], sub, f)
			// Only what is written like a host or an address can be data in a
			// key; the others are field names.
			if strings.ContainsAny(k, ".:") {
				delete(t, k)
				k = f(place{parent: at.key, key: "map key"}, k)
			}
			t[k] = v
		}
	}
	return tree
}

// ours reports whether s says something about this program alone.
func (at place) ours(s string) bool {
	return at.parent == "tool" || at.parent == "results" && at.key == "observes" && version.MatchString(s) || at.key == "say" && messageID.MatchString(s)
}

// redactor knows what must not be seen, and what stands for it.
type redactor struct {
	stand map[string]string // original, lower-case, to stand-in
	order []string          // originals in the order they were met
	kinds map[string]kind
	keep  map[string]bool // words of the report's own vocabulary, lower-case
	names *nameMatcher
}

func newRedactor(r *checks.Report) *redactor {
	kept := []string{"localhost", "sipdoctor", "router", "gateway", "phone", "responder", "pbx", "sip", "stun", "internet", "github.com", "asterisk", "anonymous"}
	for _, res := range r.Results {
		kept = append(kept, res.Check)
		for _, f := range res.Findings {
			upToDash, _, _ := strings.Cut(f.ID, "-")
			kept = append(kept, f.ID, upToDash, domain.FindString(f.ID)) // all of which read like a domain
		}
	}
	for _, c := range r.History {
		kept = append(kept, c.Check, c.Finding, domain.FindString(c.Finding))
	}
	if r.Host != nil {
		kept = append(kept, r.Host.OS)
		if rt := r.Host.Router; rt != nil {
			kept = append(kept, rt.Vendor, rt.Platform, rt.Model)
		}
	}
	if b := r.Beyond; b != nil {
		kept = append(kept, b.Router.Vendor, b.Router.Platform, b.Router.Model)
	}
	red := &redactor{stand: map[string]string{}, kinds: map[string]kind{}, keep: map[string]bool{}}
	for _, w := range kept {
		red.keep[strings.ToLower(w)] = true
	}
	return red
}

// met notes an original, once.
func (red *redactor) met(k kind, original string) {
	key := strings.ToLower(original)
	if _, seen := red.kinds[key]; seen || key == "" || red.keep[key] {
		return
	}
	red.kinds[key] = k
	red.order = append(red.order, key)
}

// collect notes everything in s that has to go.
func (red *redactor) collect(at place, s string) {
	if at.ours(s) || secretKeys[at.key] {
		return
	}
	if text, ok := blob(at, s); ok {
		if text != "" {
			red.collect(place{key: "blob", observed: true}, text)
		}
		return
	}
	s = cleaned(at, s)
	matchAll(s, red.met)
	for _, m := range comment.FindAllStringSubmatch(s, -1) {
		red.met(kindComment, strings.TrimSpace(m[1]+m[2]))
	}
	for _, m := range caller.FindAllStringSubmatch(s, -1) {
		red.met(kindUser, m[1])
	}
	if name := accountName(at, s); name != "" {
		red.met(kindUser, name)
	}
	if at.remark && !proseKeys[at.key] {
		red.met(kindComment, strings.TrimSpace(s))
	}
	if at.machine() {
		_, host := login(s)
		red.collectName(hostPart(host))
	}
	if at.key == "hostname" || at.parent == "inputs" && nameKeys[at.key] || at.parent == "router" && at.key == "name" {
		red.collectName(hostPart(s))
	}
	if at.key != "source" && !proseKeys[at.key] {
		for _, n := range domainNames(s) {
			red.collectName(n)
		}
	}
}

// accountName is the name of an account, a phone or who was called, where the raw
// observation of logs names one; empty: it is none, or a number of an extension, which
// stays.
func accountName(at place, s string) string {
	if !at.observed || at.key != "account" && at.key != "phone" && at.key != "peer" {
		return ""
	}
	s, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(s, "sips:"), "sip:"), "@")
	number := strings.Trim(s, "+0123456789") == ""
	if number && len(s) < 7 || !number && (at.key == "peer" || len(s) < 4 || strings.ContainsAny(s, " /")) {
		return ""
	}
	return s
}

// collectName notes the name of a host, unless it is a word that the report
// itself uses: a router called "MikroTik" gives nothing away.
func (red *redactor) collectName(name string) {
	if !isAddress(name) {
		red.met(kindName, name)
	}
}

// assign chooses the stand-ins. None may contain an original of its own sort:
// whoever searches the output for one must find nothing.
func (red *redactor) assign() {
	next := map[kind]int{}
	var words []string
	for _, o := range red.order {
		k := red.kinds[o]
		// A user called "al" is too short to be searched for everywhere.
		if k == kindName || k == kindComment || k == kindUser && len(o) >= 4 {
			words = append(words, o)
		}
		red.stand[o] = "redacted" // for names that every stand-in would contain, such as "host"
		for range len(red.order) + 1 {
			next[k]++
			if s := k.standIn(next[k], o); !red.reveals(k, s) {
				red.stand[o] = s
				break
			}
		}
	}
	red.names = newNameMatcher(words)
}

// reveals reports whether a stand-in contains an original that it could be
// mistaken for.
func (red *redactor) reveals(k kind, standIn string) bool {
	for _, o := range red.order {
		if red.kinds[o].word() == k.word() && (strings.Contains(standIn, o) || !k.word() && strings.Contains(dotted(standIn), dotted(o))) {
			return true
		}
	}
	return false
}

func (red *redactor) replaceAt(at place, s string) string {
	switch {
	case at.ours(s):
		return s
	case secretKeys[at.key]:
		return ""
	}
	if text, ok := blob(at, s); ok {
		return base64.StdEncoding.EncodeToString([]byte(red.replace(text)))
	}
	if at.key == "reason" || at.key == "text" {
		// The trace of an internal error names files of whoever built it.
		s, _, _ = strings.Cut(s, "\ngoroutine ")
	}
	if at.machine() {
		who, host := login(s)
		return who + red.replace(host)
	}
	return red.replace(cleaned(at, s))
}

// machine reports whether the string there names a machine and who logged in: user@host, or
// scheme://user@host.
func (at place) machine() bool { return at.parent == "inputs" && at.key == "on" }

// login parts it. Of the user nothing is left but the names that every machine has.
func login(s string) (who, host string) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", s
	}
	begin := 0
	if i := strings.Index(s[:at], "://"); i >= 0 {
		begin = i + len("://")
	}
	user := s[begin:at]
	if user != "root" && user != "admin" {
		user = "user"
	}
	return s[:begin] + user + "@", s[at+1:]
}

// cleaned takes secrets and certificates out of what others wrote. Words of this
// program hold none.
func cleaned(at place, s string) string {
	if proseKeys[at.key] && at.key != "rule" {
		return s
	}
	return string(secrets.Text([]byte(pem.ReplaceAllString(s, secrets.Removed))))
}

func (red *redactor) replace(s string) string {
	s = replaceAll(s, func(_ kind, original string) string {
		return cmp.Or(red.stand[strings.ToLower(original)], original)
	})
	return red.names.replace(s, func(name string) string { return red.stand[strings.ToLower(name)] })
}

// blob recognises bytes that an observation stored as base64 and returns their
// text, or "" when they are no text: what cannot be read cannot be redacted.
func blob(at place, s string) (text string, ok bool) {
	// Words of 20 letters and more that happen to be base64 do not occur in
	// observations; 20 characters hold 15 bytes, less than any SIP start line.
	if at.key == "blob" || at.key == "map key" || len(s) < 20 && !(at.observed && blobKeys[at.key]) || s == "" {
		return "", false
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || hexRun.FindString(s) == s {
		return "", false
	}
	text = string(b)
	if !utf8.Valid(b) || bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\r' && r != '\n' && r != '\t' }) {
		text = ""
	}
	// Elsewhere than in an observation it may be a long word, unless it holds
	// text or a certificate, which begins with a sequence of two length bytes.
	return text, at.observed || text != "" || bytes.HasPrefix(b, []byte{0x30, 0x82})
}
