package main

import (
	"bytes"
	"regexp"
	"strings"
)

// removed stands where a password stood.
const removed = "[removed]"

// secretWord is in the names of options that hold a password, in Asterisk's,
// FreePBX's, CrowdSec's and fail2ban's files. "pass" and "pwd" only end a name:
// "bypass" and "passthrough" are no secrets.
const secretWord = `(?:[\w.-]*(?:secret|passw|passphrase|md5_cred|api_?key|token|credential)[\w.-]*|(?:[\w.-]*(?:[^\Wy]|[.-]))?(?:pass|pwd))`

var (
	// An option on a line of its own, also one that is commented out, and a
	// variable of PHP: $amp_conf["AMPDBPASS"] = "…";
	secretLine = regexp.MustCompile(`(?im)^([;#/ \t]*(?:export[ \t]+)?["']?(?:\$\w+\[["']?|\$)?` + secretWord + `["']?\]?[ \t]*(?:=>?|:)[ \t]*)[^\s].*$`)
	// One among others, as fail2ban's actions take them: smtp[password="…"].
	secretInline = regexp.MustCompile(`(?i)([[,({ \t"'&?;]` + secretWord + `["']?[ \t]*[=:][ \t]*)("[^"\r\n]*"|'[^'\r\n]*'|[^\s,\])}"'&;]+)`)
	// Its value on the next line, which only fail2ban's files allow.
	secretBelow = regexp.MustCompile(`(?im)^(` + secretWord + `[ \t]*=[ \t]*\r?\n[ \t]+)\S.*$`)
	// A pair of a list in Python, as fail2ban prints them.
	secretPair = regexp.MustCompile(`(?i)(['"]` + secretWord + `['"]\s*,\s*)('[^'\r\n]*'|"[^"\r\n]*")`)
	// user:password@host, where the password may hold an @ itself, and
	// scheme://user:password@host.
	registerLine = regexp.MustCompile(`(?im)^([;# \t]*(?:register|auth|callbackextension)[ \t]*=>?[ \t]*(?:\w+://)?[^:#@\n]*[:#])[^\n]*(@[^@\n]*)$`)
	urlSecret    = regexp.MustCompile(`(?i)([a-z][a-z0-9+]*://[^:/@\s]+:)[^@\s/]+(@)`)
	basicAuth    = regexp.MustCompile(`(?i)(authorization:[ \t]*(?:basic|bearer)[ \t]+)\S+`)
	// voicemail.conf: 100 => password,name,mail
	mailboxLine = regexp.MustCompile(`(?m)^([; \t]*[\w-]+[ \t]*=>[ \t]*)[^,\n]*(,)`)
	// Answers to challenges, from which a weak password can be guessed. Their
	// length stays: fail2ban's expressions look at it.
	digest = regexp.MustCompile(`(?i)((?:ReceivedHash|ExpectedResponse|Response)=")([0-9a-f]{8,})(")`)
)

// withoutSecrets removes the passwords of a file. Lines keep their numbers.
func withoutSecrets(name string, data []byte) []byte {
	if isBinary(data) {
		return data // no password of anybody is in these: bans, and the log lines that led to them
	}
	keep := []byte("${1}" + removed)
	data = secretLine.ReplaceAll(data, keep)
	data = secretInline.ReplaceAll(data, keep)
	data = secretPair.ReplaceAll(data, []byte("${1}'"+removed+"'"))
	data = registerLine.ReplaceAll(data, []byte("${1}"+removed+"${2}"))
	data = urlSecret.ReplaceAll(data, []byte("${1}"+removed+"${2}"))
	data = basicAuth.ReplaceAll(data, keep)
	if strings.Contains(name, "/fail2ban/") {
		data = secretBelow.ReplaceAll(data, keep)
	}
	if strings.HasSuffix(name, "voicemail.conf") {
		data = mailboxLine.ReplaceAll(data, []byte("${1}"+removed+"${2}"))
	}
	return digest.ReplaceAllFunc(data, func(m []byte) []byte {
		g := digest.FindSubmatch(m)
		return bytes.Join([][]byte{g[1], bytes.Repeat([]byte{'0'}, len(g[2])), g[3]}, nil)
	})
}

// isBinary reports the kinds of files that a PBX's bundle holds and that are no
// text: a database, its journal, a time zone. Everything else is treated as
// text, whatever bytes are in it: a log with a hole in it after a crash, a
// comment in Latin-1.
func isBinary(b []byte) bool {
	for _, magic := range []string{"SQLite format 3\x00", "\x37\x7f\x06\x82", "\x37\x7f\x06\x83", "TZif"} {
		if bytes.HasPrefix(b, []byte(magic)) {
			return true
		}
	}
	return false
}
