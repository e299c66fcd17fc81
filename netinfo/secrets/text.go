package secrets

import (
	"bytes"
	"regexp"
	"strings"
)

// pattern recognises one form of secret within a line. Every group of the
// expression that took part in a match is a secret.
type pattern struct {
	re *regexp.Regexp
	// hints are texts in lower case of which a line holds at least one where
	// the expression can match. Most lines of a log hold none: looking for them
	// first takes a tenth of the time. Nil: the expression is tried always.
	hints []string
	// assigned: a hint is followed closely by "=", ":" or a comma.
	assigned bool
	// zeros: the secret is replaced by as many zeros, because fail2ban's
	// expressions look at its characters.
	zeros bool
	// rewrite, where it is set, is given the whole match instead.
	rewrite func(match string) string
}

// keyHints occur in every name that secretName matches.
var keyHints = []string{"secret", "passw", "passphrase", "md5", "key", "token", "credential", "webhook", "userpwd", "pass", "pwd", "pw", "pin", "psk"}

// secretName matches names of options in text of no known language. "pass" and
// "pwd" only end a name: "bypass" and "passthrough" are not secrets. A lone "key"
// names too much else.
const secretName = `(?:[\w.-]*(?:secret|passw|passphrase|md5_?cred|(?:api|auth|access|private|preshared|shared|license)[_-]?key|token|credential|webhook|userpwd)[\w.-]*|(?:[\w.-]*(?:[^\Wy]|[.-]))?(?:pass|pwd)|(?:[\w.-]*[_.-])?(?:user|admin)?(?:pw|pin|psk))`

// quotedOrBare is a value: quoted, quoted within quotes, or up to a separator.
const quotedOrBare = `(?:\\"([^"\\\r\n]*)|"([^"\r\n]*)"|'([^'\r\n]*)'|([^\s,\])}"'&;<>\\\[{][^\s,\])}"'&;<>\\]*))`

func expr(s string) *regexp.Regexp { return regexp.MustCompile(s) }

// patterns are tried in this order.
var patterns = []pattern{
	// An option on a line of its own, also one that is commented out: all of
	// the line, for a password may hold blanks.
	{re: expr(`(?i)^[;#/* \t]*(?:export[ \t]+)?\$?` + secretName + `[ \t]*(?:=>?|:)[ \t]*([^\s"'\[{>][^\r\n]*)`), hints: keyHints, assigned: true},
	// One among others.
	{re: expr(`(?i)(?:^|[\[,({ \t"'&?;<\\|/$@])-*` + secretName + `(?:\\?["'])?\]?[ \t]*(?:=>?|:)[ \t]*` + quotedOrBare), hints: keyHints, assigned: true},
	// A pair of a list, as Python prints them, and as arguments are given.
	{re: expr(`(?i)["']` + secretName + `["']\s*,\s*(?:'([^'\r\n]*)'|"([^"\r\n]*)")\s*[\])]`), hints: keyHints, assigned: true},
	{re: expr(`(?i)^[;# \t]*register[ \t]*=>?[ \t]*(?:[^:#@\s]*://)?[^:#\n]*[:#]([^\n]*)@[^@\n]*$`), hints: []string{"register"}},
	{re: expr(`(?i)^[;# \t]*auth[ \t]*=>?[ \t]*[^:#@\n]*[:#]([^\n]*)@[^@\n]*$`), hints: []string{"auth"}},

	// Secrets in addresses.
	{re: expr(`(?i)\bsips?:[^\s:@<>"';]+:[^\s<>"']*@`), hints: []string{"sip:", "sips:"}, rewrite: sipPassword},
	{re: expr(`(?i)\b[a-z][a-z0-9+.-]*://[^\s:@/"'<>]*:([^\s"'<>]*)@`), hints: []string{"://"}},
	{re: expr(`(?i)\b(?:https?|ftps?|git|wss?|amqps?|redis)://([^\s:@/"'<>]+)@`), hints: []string{"://"}},
	{re: expr(`\b[\w.-]+:([^\s@"']+)@(?:tcp|unix)\(`), hints: []string{"@tcp(", "@unix("}},
	{re: expr(`(?i)https?://[^\s"'<>\\]+`), hints: []string{"://"}, rewrite: cleanURL},
	{re: expr(`(?i)\b(?:hooks\.slack\.com|api\.telegram\.org|discord(?:app)?\.com/api|[\w.-]*webhook[\w-]*\.[\w.-]+)/([^\s"'<>\\\[][^\s"'<>\\]*)`), hints: []string{"hook", "telegram", "discord"}},
	{re: expr(`(?i)[?&](?:\w*key|sig|signature|auth|hash|code|sid|session\w*)=([^&\s"'<>\\\[]+)`), hints: []string{"?", "&"}},

	// Credentials in the headers of SIP and HTTP.
	{re: expr(`(?i)(?:authorization|x-[\w-]*(?:key|token|auth)[\w-]*|set-cookie|cookie|private-token|api-key)\\?["']?[ \t]*[:=][ \t]*\\?["']?([^"'\\\r\n]*)`), hints: []string{"authorization", "x-", "cookie", "private-token", "api-key"}, rewrite: header},
	{re: expr(`(?i)\b(?:basic|bearer)[ \t]+([A-Za-z0-9+/=._~-]{6,})`), hints: []string{"basic", "bearer"}},
	// Answers to challenges: a weak password can be guessed from them.
	{re: expr(`\b(?:ReceivedHash|ExpectedResponse|Response|ReceivedChallenge|Challenge)=\\?"([^"\\\r\n]*)`), hints: []string{`challenge=`, `response=`, `receivedhash=`}, zeros: true},
	{re: expr(`\b(?:c?nonce|nextnonce|Nonce|response|rspauth|opaque|auts)[ \t]*=[ \t]*(?:\\?"([^"\\\r\n]*)|([0-9a-f]{8,}))`), hints: []string{"nonce", "response=", "response =", "rspauth", "opaque", "auts"}},
	{re: expr(`\b(?:inline:|ice-pwd:)([A-Za-z0-9+/=]+)`), hints: []string{"inline:", "ice-pwd:"}},

	{re: expr(`(?i)["' ]key=([^&\s"'<>\\\[]+)`), hints: []string{"key="}},
	// fail2ban's log quotes the commands that it could not run.
	{re: expr(`-- exec: .*`), hints: []string{"-- exec: "}, rewrite: func(m string) string { return "-- exec: " + command(strings.TrimPrefix(m, "-- exec: ")) }},

	// What Asterisk's log tells of the dialplan and of keys pressed.
	{re: expr(`Executing \[[^\]\n]*\][^\n(]*\(([^\n]*)\)`), hints: []string{"executing ["}},
	{re: expr(`AGI (?:Tx >>|Rx <<)[ \t]*([^\r\n]+)`), hints: []string{"agi tx", "agi rx"}},
	{re: expr(`(?i)setting (?:global )?variable '?\w+'? to '?([^'\r\n]*)`), hints: []string{"variable"}},
	{re: expr(`^Signal[ \t]*=[ \t]*([0-9A-D*#]+)`), hints: []string{"signal"}},
	{re: expr(`\bDTMF[^'\n]*'([0-9A-D*#]+)'`), hints: []string{"dtmf"}},
	{re: expr(`(?i)(?:password|passcode|pin|secret)(?: is| was)?:? '([^'\r\n]+)'`), hints: []string{"password '", "password: '", "passcode", "pin '", "pin: '", "secret '", "secret: '", " is '", " was '"}},

	// Command lines.
	{re: expr(`(?:^|\s)(?:-u|-U|--user|--proxy-user)[ =]?\\?["']?[^\s:'"\\/]*:([^\s'"\\]+)`), hints: []string{"-u", "-proxy-user"}},
	{re: expr(`(?:-H|--header)[ =]*\\?["']?[\w-]+:[ \t]*[^"'\\\r\n]+`), hints: []string{"-h", "-header"}, rewrite: headerOption},
	{re: expr(`(?i)--?` + secretName + `[ \t]+["']?([^\s"'-][^\s"']*)`), hints: []string{"-pass", "-pw", "-pin", "-secret", "-token", "-api"}},
	{re: expr(`\b(?:mysql|mariadb)\w*(?:[-a-z]*)\b[^\n|;&]*?[ \t]-p["']?([^\s"'-][^\s"']*)`), hints: []string{"mysql", "mariadb"}},
	{re: expr(`\bsshpass[ \t]+-p[ \t]*["']?([^\s"']+)`), hints: []string{"sshpass"}},
	{re: expr(`\b(?:snmp\w+)\b[^\n|;&]*?[ \t]-c[ \t]*["']?([^\s"']+)`), hints: []string{"snmp"}},
	{re: expr(`\b(?:snmp\w+)\b[^\n|;&]*?[ \t]-A[ \t]*["']?([^\s"']+)`), hints: []string{"snmp"}},
	{re: expr(`\b(?:snmp\w+)\b[^\n|;&]*?[ \t]-X[ \t]*["']?([^\s"']+)`), hints: []string{"snmp"}},
	{re: expr(`\b(?:ldap\w+|ipmitool|redis-cli|sendEmail|swaks|sipsak)\b[^\n|;&]*?[ \t]-(?:w|P|a|xp|ap)[ \t]+["']?([^\s"']+)`), hints: []string{"ldap", "ipmitool", "redis-cli", "sendemail", "swaks", "sipsak"}},
	{re: expr(`\bsmbclient\b[^\n|;&]*?%([^\s"']+)`), hints: []string{"smbclient"}},
	{re: expr(`\bpass:([^\s"']+)`), hints: []string{"pass:"}},
	{re: expr(`(?i)\bidentified by ["']([^"'\n]+)`), hints: []string{"identified by"}},
	{re: expr(`(?i)^[ \t]*(?:r[ow]community6?|community|com2sec6?|createUser|rouser_secret)[ \t]+([^\r\n]+)`), hints: []string{"community", "com2sec", "createuser"}},

	// Forms that are secrets wherever they stand.
	{re: expr(`\b(eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?)`), hints: []string{"eyj"}},
	{re: expr(`\b(gh[pousr]_\w{20,}|xox[a-z]-[\w-]{10,}|AKIA[0-9A-Z]{16}|glpat-[\w-]{15,}|[sr]k_live_\w{10,}|\d{6,}:[A-Za-z0-9_-]{30,})\b`), hints: []string{"gh", "xox", "akia", "glpat-", "k_live_", ":a"}},
	{re: expr(`(\$(?:1|2[abxy]?|5|6|y|apr1|argon2\w*)\$[\w./$=,+-]{8,})`), hints: []string{"$1$", "$2", "$5$", "$6$", "$y$", "$apr1$", "$argon2"}},
}

var (
	privateKey = regexp.MustCompile(`(?s)(-----BEGIN [^-\n]*(?:PRIVATE KEY|Static key)[^-\n]*-----)(.*?)(-----END [^-\n]*-----|\z)`)
	keysEnd    = regexp.MustCompile(`(?s)\A[A-Za-z0-9+/=\s]*(-----END [^-\n]*(?:PRIVATE KEY|Static key))`)
)

// Text takes out of a text of any language what looks like a secret.
func Text(data []byte) []byte {
	data = withoutKeys(data)
	return eachLine(data, func(line string) string { return scrub(line, false) })
}

// withoutKeys blanks private keys; lines keep their numbers. Of a file that was
// cut the beginning of one may be missing.
func withoutKeys(data []byte) []byte {
	if !bytes.Contains(data, []byte("-----")) {
		return data
	}
	blank := func(b []byte) []byte {
		return append([]byte("\n"+Removed), bytes.Repeat([]byte("\n"), max(0, bytes.Count(b, []byte("\n"))-1))...)
	}
	data = privateKey.ReplaceAllFunc(data, func(m []byte) []byte {
		g := privateKey.FindSubmatch(m)
		if !bytes.Contains(g[2], []byte("\n")) {
			return bytes.Join([][]byte{g[1], []byte(Removed), g[3]}, nil)
		}
		return bytes.Join([][]byte{g[1], blank(g[2]), g[3]}, nil)
	})
	return keysEnd.ReplaceAllFunc(data, func(m []byte) []byte {
		g := keysEnd.FindSubmatch(m)
		lines := bytes.Count(m, []byte("\n"))
		return append(bytes.Repeat([]byte("\n"), lines), g[1]...)
	})
}

// scrub applies the patterns to a line. sameLength keeps every byte where it is.
func scrub(line string, sameLength bool) string {
	lower := ""
	for i := range patterns {
		p := &patterns[i]
		if lower == "" {
			lower = strings.ToLower(line)
		}
		if !p.worth(lower) {
			continue
		}
		if cleaned := p.replace(line, sameLength); cleaned != line {
			line, lower = cleaned, ""
		}
	}
	return line
}

// worth reports whether a line, in lower case, holds a hint.
func (p *pattern) worth(lower string) bool {
	for _, h := range p.hints {
		for rest := lower; ; {
			i := strings.Index(rest, h)
			if i < 0 {
				break
			}
			rest = rest[i+len(h):]
			// 40: the rest of a long name, a quote and blanks.
			if !p.assigned || strings.ContainsAny(rest[:min(len(rest), 40)], "=:,") {
				return true
			}
		}
	}
	return p.hints == nil
}

func (p *pattern) replace(line string, sameLength bool) string {
	if p.rewrite != nil {
		return p.re.ReplaceAllStringFunc(line, func(m string) string {
			out := p.rewrite(m)
			if sameLength && out != m {
				out = fit(out, len(m))
			}
			return out
		})
	}
	var b strings.Builder
	last := 0
	for _, at := range p.re.FindAllStringSubmatchIndex(line, -1) {
		for g := 2; g < len(at); g += 2 {
			if at[g] < last {
				continue
			}
			b.WriteString(line[last:at[g]])
			b.WriteString(p.fill(line[at[g]:at[g+1]], sameLength))
			last = at[g+1]
		}
	}
	return b.String() + line[last:]
}

// fill is what stands for a secret.
func (p *pattern) fill(secret string, sameLength bool) string {
	switch {
	case secret == "" || strings.HasPrefix(secret, "[remov") || strings.HasPrefix(secret, "(remov") || isPlaceholder(secret):
		return secret
	case p.zeros:
		return strings.Repeat("0", len(secret))
	case sameLength:
		return fit(Removed, len(secret))
	}
	return Removed
}

// fit cuts or lengthens s to n bytes.
func fit(s string, n int) string { return (s + strings.Repeat("-", max(0, n-len(s))))[:n] }

var placeholder = regexp.MustCompile(`^(?:%\([^)]*\)s|<[\w/?=.-]+>|\$\{?\w+\}?|true|false|null|\*+)$`)

// isPlaceholder reports whether a value names where the secret is instead of
// holding it.
func isPlaceholder(s string) bool { return placeholder.MatchString(strings.Trim(s, `"'`)) }
