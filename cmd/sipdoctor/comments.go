package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	// Comments on rules and on members of sets.
	ruleComment = regexp.MustCompile(`(--(?:comment|log-prefix|nflog-prefix)[ =]+)("(?:[^"\\\r\n]|\\.)*"|[^\s"-]\S*)`)
	setComment  = regexp.MustCompile(`(\b(?:comment|log prefix)[ \t]+)("(?:[^"\\\r\n]|\\.)*")`)
	jsonComment = regexp.MustCompile(`("(?:comment|prefix)":\s*)("(?:[^"\\\r\n]|\\.)*")`)
	ufwComment  = regexp.MustCompile(`(\bcomment=)([0-9a-fA-F]+)`)
	lineComment = regexp.MustCompile(`(?m)(#[ \t]*)([^\r\n]*[^\s])`)
	xmlWords    = regexp.MustCompile(`(<(?:short|description)>)([^<]+)(</)`)
	yamlWords   = regexp.MustCompile(`(?m)^([ \t]*(?:- +)?(?:reason|description|name):[ \t]*)(\S[^\r\n]*)`)

	certificate = regexp.MustCompile(`(?s)-----BEGIN [^-\n]*-----.*?(?:-----END [^-\n]*-----|\z)`)
	base64Run   = regexp.MustCompile(`[A-Za-z0-9+/]{20,}={0,2}`)
)

// comments puts stand-ins for what somebody wrote beside rules, addresses and
// zones: it names customers.
func (p *people) comments(name string, data []byte) []byte {
	text := string(data)
	put := func(re *regexp.Regexp, with func(words string) string) {
		text = re.ReplaceAllStringFunc(text, func(match string) string {
			m := re.FindStringSubmatch(match)
			words := strings.Trim(m[2], `" `)
			if words == "" || standInText.MatchString(words) || strings.HasPrefix(words, "lfd:") && !strings.Contains(words, "comment") {
				return match
			}
			return m[1] + with(words) + match[len(m[1])+len(m[2]):]
		})
	}
	standIn := func(words string) string { return p.standIn("comment-%d", words) }
	quoted := func(words string) string { return `"` + standIn(words) + `"` }
	put(ruleComment, quoted)
	put(setComment, quoted)
	put(jsonComment, quoted)
	put(ufwComment, func(words string) string {
		raw, err := hex.DecodeString(words)
		if err != nil {
			raw = []byte(words)
		}
		return hex.EncodeToString([]byte(standIn(string(raw))))
	})
	switch {
	case strings.HasPrefix(name, "/etc/csf/"), strings.HasPrefix(name, "/var/lib/csf/"), strings.HasPrefix(name, "/etc/hosts"),
		strings.Contains(name, "/sshguard/"), strings.HasPrefix(name, "/etc/firewalld/direct"):
		put(lineComment, standIn)
	case strings.HasPrefix(name, "/etc/firewalld/"):
		put(xmlWords, standIn)
	case strings.HasPrefix(name, "/etc/crowdsec/"):
		put(yamlWords, standIn)
	}
	return []byte(text)
}

// withoutBlobs takes out certificates, and base64 that holds text or a
// certificate: names and addresses in them would not be found.
func withoutBlobs(data []byte) []byte {
	const removed = "[removed]"
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		data = certificate.ReplaceAllFunc(data, func(m []byte) []byte {
			return append([]byte(removed), bytes.Repeat([]byte("\n"), bytes.Count(m, []byte("\n")))...)
		})
	}
	return base64Run.ReplaceAllFunc(data, func(m []byte) []byte {
		if holdsText(string(m)) {
			return []byte(removed)
		}
		return m
	})
}

// holdsText reports whether s is base64 of text, or of a certificate, which
// begins with a sequence (0x30) of two length bytes.
func holdsText(s string) bool {
	raw, err := base64.StdEncoding.DecodeString(s[:len(s)/4*4])
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	}
	if err != nil || len(raw) < 8 {
		return false
	}
	if raw[0] == 0x30 && raw[1] == 0x82 {
		return true
	}
	strange := bytes.IndexFunc(raw, func(r rune) bool { return r < ' ' && r != '\r' && r != '\n' && r != '\t' })
	return strange < 0 && utf8.Valid(raw)
}
