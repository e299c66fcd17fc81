package pbxlog

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"
)

// unwrap takes a line out of the JSON of docker's json-file, of journalctl -o json
// or of Asterisk's own json formatter. Nil: it is in none.
func unwrap(line []byte, clock *Clock) (inner []byte, at time.Time) {
	if len(line) == 0 || line[0] != '{' {
		return nil, time.Time{}
	}
	if bytes.HasPrefix(line, []byte(`{"log":"`)) { // docker
		if i := bytes.LastIndex(line, []byte(`"time":"`)); i > 0 {
			at, _, _ = clock.Read(line[i+len(`"time":"`):])
		}
		return bytes.TrimRight(value(line, `{"log":"`), "\r\n"), at
	}
	if text := value(line, `"MESSAGE":"`); text != nil {
		if us, err := strconv.ParseInt(string(value(line, `"__REALTIME_TIMESTAMP":"`)), 10, 64); err == nil {
			at, _, _ = clock.Read(strconv.AppendInt(nil, us/1_000_000, 10))
		}
		return bytes.TrimRight(text, "\r\n"), at
	}
	return ownJSON(line, clock)
}

// ownJSON turns a line of Asterisk's json formatter into what the default one would
// have written.
func ownJSON(line []byte, clock *Clock) ([]byte, time.Time) {
	if !bytes.Contains(line, []byte(`"logmsg":`)) {
		return nil, time.Time{}
	}
	line = bytes.ReplaceAll(line, []byte(`": "`), []byte(`":"`))
	at, _, _ := clock.Read(value(line, `"timestamp":"`))
	var out []byte
	for _, f := range []struct{ key, before string }{{`"level":"`, ""}, {`"filename":"`, "[0] "}, {`"message":"`, ": "}} {
		v := value(line, f.key)
		if v == nil {
			return nil, time.Time{}
		}
		out = append(append(out, f.before...), v...)
	}
	return bytes.TrimRight(out, "\r\n"), at
}

// value is the string that follows a key; nil: there is none. Inside a string of
// JSON no quotation mark stands without a backslash, so no value can pass for a key.
func value(line []byte, key string) []byte {
	i := bytes.Index(line, []byte(key))
	if i < 0 {
		return nil
	}
	b := line[i+len(key):]
	out := make([]byte, 0, min(len(b), 512))
	for k := 0; k < len(b); k++ {
		switch c := b[k]; {
		case c == '"':
			return out
		case c != '\\' || k+1 == len(b):
			out = append(out, c)
		default:
			k++
			out = escaped(out, b[k])
			if b[k] == 'u' && k+4 < len(b) {
				if n, err := strconv.ParseUint(string(b[k+1:k+5]), 16, 16); err == nil {
					out = utf8.AppendRune(out, rune(n))
					k += 4
				}
			}
		}
	}
	return out
}

func escaped(out []byte, c byte) []byte {
	switch c {
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'b', 'f':
		c = ' '
	case 'u':
		return out
	}
	return append(out, c)
}
