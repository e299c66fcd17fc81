package render

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The keys of a report by which a string's meaning is known.
var (
	// nameKeys are inputs that name a host, with or without a port.
	nameKeys = map[string]bool{"responder": true, "sip_servers": true, "stun": true, "ntp": true}
	// proseKeys hold words of this program or of its catalogue, in which a dot
	// between letters makes no host name.
	proseKeys = map[string]bool{
		"id": true, "check": true, "schema": true, "code": true, "kind": true, "method": true, "group": true,
		"finding": true, "findings": true, "platform": true, "makers": true, "commands": true, "undo": true, "verify": true, "note": true, "explanation": true,
		"advice": true, "title": true, "explained_by": true, "rule": true, "del": true, "add": true,
	}
	secretKeys = map[string]bool{"secret": true, "password": true, "authorization": true, "cookie": true}
	blobKeys   = map[string]bool{"raw": true, "sent": true, "got": true, "quote": true, "payload": true, "bytes": true, "reply": true}
)

// version is what an observation carries: digits of a fingerprint, whatever
// else they look like.
var version = regexp.MustCompile(`^[0-9a-f]{12}$`)

// messageID is the name of a sentence, which looks like that of a host.
var messageID = regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+$`)

var (
	// sensitive finds candidates, the longer forms first; what they are is
	// decided by parsing.
	sensitive = regexp.MustCompile(`sdt[0-9a-f]{16}p[0-9a-f]{4}h[0-9a-f]{16}` +
		`|(?:[0-9A-Fa-f]{2}:){15,}[0-9A-Fa-f]{2}` +
		`|[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}` +
		`|\b[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}\b` +
		`|\b[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}\b` +
		`|\b[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\b` +
		`|[0-9A-Fa-f]*(?::[0-9A-Fa-f]*){2,}(?:(?:\.[0-9]{1,3}){3})?` +
		`|[0-9]{1,3}(?:\.[0-9]{1,3}){3}` +
		`|[0-9]{1,3}(?:-[0-9]{1,3}){3}|[0-9]{1,3}(?:_[0-9]{1,3}){3}` +
		`|(?:[0-9A-Fa-f]\.){8,}(?i:ip6\.arpa)` +
		`|\b[0-9A-Fa-f]{12,}\b`)

	hexRun  = regexp.MustCompile(`[0-9A-Fa-f]{12,}`)
	token   = regexp.MustCompile(`^sdt[0-9a-f]{16}p([0-9a-f]{4})h`)
	sipUser = regexp.MustCompile(`(?i)\b(?:sips?:|tel:|username=")([^@\s<>;"]+)[@;>"]`)
	shown   = regexp.MustCompile(`"([^"\r\n]+)"\s*<\s*(?i:sips?|tel):`)
	home    = regexp.MustCompile(`(?:/home/|/Users/|\\Users\\)([^/\\\s"]+)`)
	// A rule's comment and a log's prefix, in any of the ways they are written.
	comment = regexp.MustCompile(`(?:--comment|--log-prefix|--nflog-prefix|\bcomment|\blog prefix|"comment":)[ =]*\\*"((?:[^"\\]|\\[^"])+)\\*"|--comment[ =]+([^\s"-]\S*)`)
	caller  = regexp.MustCompile(`(?i)\b(?:callerid|fullname|cid_name)[ \t]*=>?[ \t]*"?([^"<\r\n]*[^"<\s])`)
	service = regexp.MustCompile(`(?i)(?:_[a-z0-9-]+\.)+`)
	pem     = regexp.MustCompile(`(?s)-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|\z)`)
	domain  = regexp.MustCompile(`(?i)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.[a-z]{2,24}\b`)
)

// fileEndings are last parts of file names that look like a domain.
var fileEndings = []string{"conf", "xml", "json", "yaml", "yml", "html", "htm", "txt", "log", "exe", "ko", "pcap", "go", "php", "cgi", "asp", "sh"}

// matchAll calls met for everything sensitive in s but host names.
func matchAll(s string, met func(kind, string)) {
	replaceAll(s, func(k kind, original string) string { met(k, original); return original })
}

// replaceAll replaces everything sensitive in s but host names.
func replaceAll(s string, with func(kind, string) string) string {
	for _, re := range []*regexp.Regexp{sipUser, shown, home} {
		s = replaceGroup(re, s, func(user string) string {
			if strings.HasPrefix(user, "sdt") || isAddress(user) {
				return user // a token or an address: dealt with below
			}
			return with(kindUser, user)
		})
	}
	return sensitive.ReplaceAllStringFunc(s, func(m string) string { return replaceOne(m, with) })
}

func replaceOne(m string, with func(kind, string) string) string {
	switch {
	case token.MatchString(m):
		return with(kindToken, m)
	case strings.Count(m, ":") >= 15:
		return with(kindFingerprint, m)
	case macLike(m):
		return with(kindMAC, m)
	}
	if strings.HasSuffix(strings.ToLower(m), ".arpa") {
		return with(kindReverse, m)
	}
	if a, ok := address(m); ok {
		if !revealing(a) {
			return m
		}
		return with(kindOf(a), m)
	}
	if a, ok := address(dotted(m)); ok { // in the name of a provider's customer, or of a set
		if !revealing(a) {
			return m
		}
		return with(kindDashed, m)
	}
	if t := strings.Trim(m, ":"); t != m || strings.ContainsAny(m, ":.") {
		return replaceParts(m, with)
	}
	return with(kindHex, m)
}

// replaceParts looks again at something between colons that is no address as
// a whole, such as "7:192.168.88.10".
func replaceParts(m string, with func(kind, string) string) string {
	if a, ok := address(strings.TrimSuffix(m, ":")); ok && strings.HasSuffix(m, ":") {
		if !revealing(a) {
			return m
		}
		return with(kindOf(a), strings.TrimSuffix(m, ":")) + ":"
	}
	parts := strings.Split(m, ":")
	if len(parts) == 1 {
		return m
	}
	for i, p := range parts {
		parts[i] = sensitive.ReplaceAllStringFunc(p, func(m string) string { return replaceOne(m, with) })
	}
	return strings.Join(parts, ":")
}

// replaceGroup replaces the first group of every match.
func replaceGroup(re *regexp.Regexp, s string, with func(string) string) string {
	var b strings.Builder
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(s[last:m[2]])
		b.WriteString(with(s[m[2]:m[3]]))
		last = m[3]
	}
	return b.String() + s[last:]
}

func macLike(s string) bool {
	_, err := net.ParseMAC(s)
	return err == nil && len(s) <= 17
}

// address reads an address, IPv4 with leading zeros included.
func address(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone(""), true
	}
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return netip.Addr{}, false
	}
	var b [4]byte
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			return netip.Addr{}, false
		}
		b[i] = byte(n)
	}
	return netip.AddrFrom4(b), true
}

// dotted writes an IPv4 address with dots that was written with dashes or
// underscores.
func dotted(s string) string { return strings.NewReplacer("-", ".", "_", ".").Replace(s) }

func isAddress(s string) bool { _, ok := address(s); return ok }

// revealing reports whether an address says anything about anybody: loopback,
// multicast, 0/8 and what looks like a netmask do not.
func revealing(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() {
		return false
	}
	return !a.Is4() || a.As4()[0] != 0 && a.As4()[0] < 224
}

// hostPart is the host of "host", "host:port" or "[v6]:port".
func hostPart(s string) string {
	if h, _, err := net.SplitHostPort(s); err == nil {
		return h
	}
	return s
}

// domainNames lists what in s is written like a domain name and is no file.
func domainNames(s string) []string {
	var out []string
	// The labels of a service, _sip._udp., are no part of the name.
	s = strings.ReplaceAll(service.ReplaceAllString(s, " "), "_", " ")
	for _, m := range domain.FindAllStringIndex(s, -1) {
		name := s[m[0]:m[1]]
		before := s[:m[0]]
		inPath := strings.HasSuffix(before, "/") && !strings.HasSuffix(before, "//") && !strings.HasSuffix(before, "UDP/") && !strings.HasSuffix(before, "TCP/")
		ending := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
		if !inPath && !slices.Contains(fileEndings, ending) {
			out = append(out, name)
		}
	}
	return out
}

// nameMatcher finds known host names as whole words, in any case.
type nameMatcher struct{ re *regexp.Regexp }

func newNameMatcher(names []string) *nameMatcher {
	if len(names) == 0 {
		return &nameMatcher{}
	}
	// The longest first: pbx.example.net before example.net.
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int { return len(b) - len(a) })
	for i, n := range names {
		names[i] = regexp.QuoteMeta(n)
	}
	return &nameMatcher{regexp.MustCompile(`(?i)(?:` + strings.Join(names, "|") + `)`)}
}

func (m *nameMatcher) replace(s string, with func(string) string) string {
	if m.re == nil {
		return s
	}
	var b strings.Builder
	last := 0
	for _, at := range m.re.FindAllStringIndex(s, -1) {
		if wordByte(s, at[0]-1) || wordByte(s, at[1]) {
			continue
		}
		b.WriteString(s[last:at[0]])
		b.WriteString(with(s[at[0]:at[1]]))
		last = at[1]
	}
	return b.String() + s[last:]
}

func wordByte(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return false
	}
	c := s[i] | 0x20
	return c >= 'a' && c <= 'z' || s[i] >= '0' && s[i] <= '9'
}
