package asterisk

import (
	"bytes"
	"strings"
)

// WithoutSecrets blanks the passwords in a configuration file: nobody needs
// them to find what is wrong, and a support bundle goes by mail. Lines keep
// their numbers.
func WithoutSecrets(b []byte) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(string(b)) {
		name, value, ok := strings.Cut(line, "=")
		key := strings.ToLower(strings.TrimSpace(strings.TrimLeft(name, "; \t"))) // also of lines that are commented out
		switch {
		case !ok:
			out.WriteString(line)
		case strings.HasSuffix(key, "password"), strings.HasSuffix(key, "secret"), strings.HasSuffix(key, "md5_cred"), strings.HasSuffix(key, "passwd"):
			out.WriteString(name + "= ***")
			if strings.HasSuffix(line, "\n") {
				out.WriteByte('\n')
			}
		case strings.HasSuffix(key, "register"):
			out.WriteString(name + "=" + registerWithoutSecret(value))
		default:
			out.WriteString(line)
		}
	}
	return out.Bytes()
}

// registerWithoutSecret blanks what stands between the user and the host.
func registerWithoutSecret(value string) string {
	scheme, rest, ok := strings.Cut(value, "://")
	if ok {
		scheme += "://"
	} else {
		scheme, rest = "", value
	}
	at := strings.LastIndexByte(rest, '@')
	colon := strings.IndexByte(rest, ':')
	if colon < 0 || at < colon {
		return value
	}
	return scheme + rest[:colon] + ":***" + rest[at:]
}
