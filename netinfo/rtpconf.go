package netinfo

import (
	"bufio"
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// RTPConf is the range of UDP ports that Asterisk takes for media.
type RTPConf struct {
	File    string        `json:"file"`
	First   int           `json:"first"`
	Last    int           `json:"last"`
	Default bool          `json:"default,omitempty"` // the file sets neither end, or nonsense: Asterisk's own range counts
	Notes   []words.Cause `json:"notes,omitempty"`   // what a person should look at in the file
}

// rtpConfReader is one reading of a configuration.
type rtpConfReader struct {
	RTPConf
	read        func(string) ([]byte, error)
	nested      int    // files included so far
	first, last string // as written; empty: not set
}

// What res_rtp_asterisk.c takes without a configuration, and the ports it
// accepts in one (DEFAULT_RTP_START, DEFAULT_RTP_END, MINIMUM_RTP_PORT).
const (
	asteriskRTPFirst   = 5000
	asteriskRTPLast    = 31000
	asteriskRTPLowest  = 1024
	asteriskRTPHighest = 65535
)

// maxConfIncludes bounds the files of one configuration: they may include each
// other in a circle.
const maxConfIncludes = 32

// ReadRTPConf reads Asterisk's rtp.conf at name, and what it includes, by
// read. It concludes the range as Asterisk does: values outside 1024-65535 are
// moved inside, and a range that ends before it begins is replaced by the
// default. The error is about the file itself; what is odd in it is a note.
func ReadRTPConf(name string, read func(name string) ([]byte, error)) (*RTPConf, error) {
	c := &rtpConfReader{RTPConf: RTPConf{File: name}, read: read}
	b, err := read(name)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	section := ""
	c.lines(name, b, &section)
	c.conclude()
	return &c.RTPConf, nil
}

// lines reads one file; section is the one that its first line belongs to.
func (c *rtpConfReader) lines(name string, b []byte, section *string) {
	comment := false
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Scan() {
		line := s.Text()
		if line, comment = withoutComment(line, comment); line == "" {
			continue
		}
		switch {
		case line[0] == '#':
			c.directive(name, line, section)
		case line[0] == '[':
			*section, _, _ = strings.Cut(line[1:], "]")
		case strings.EqualFold(*section, "general"):
			c.setting(line)
		}
	}
	if s.Err() != nil {
		c.note("%s: a line is too long, what follows it was not read", name)
	}
}

// withoutComment takes ; and ;-- --; comments away; within says that one is
// open.
func withoutComment(line string, within bool) (string, bool) {
	var out strings.Builder
	for {
		if within {
			_, rest, ends := strings.Cut(line, "--;")
			if !ends {
				return strings.TrimSpace(out.String()), true
			}
			line, within = rest, false
		}
		i := strings.IndexByte(line, ';')
		switch {
		case i < 0:
			out.WriteString(line)
			return strings.TrimSpace(out.String()), false
		case i > 0 && line[i-1] == '\\': // an escaped semicolon
			out.WriteString(line[:i-1] + ";")
			line = line[i+1:]
		case strings.HasPrefix(line[i:], ";--") && !strings.HasPrefix(line[i:], ";---"):
			out.WriteString(line[:i])
			line, within = line[i+3:], true
		default:
			out.WriteString(line[:i])
			return strings.TrimSpace(out.String()), false
		}
	}
}

// directive follows #include and #tryinclude. #exec runs a program, which
// nobody but Asterisk should.
func (c *rtpConfReader) directive(from, line string, section *string) {
	word, name, _ := strings.Cut(line, " ")
	name = strings.Trim(strings.TrimSpace(name), `"<>`)
	switch {
	case word == "#exec":
		c.note("%s runs a program (#exec), which may set other ports", from)
		return
	case word != "#include" && word != "#tryinclude" || name == "":
		return
	}
	if !path.IsAbs(name) {
		name = path.Join(path.Dir(c.File), name)
	}
	if c.nested++; c.nested > maxConfIncludes {
		if c.nested == maxConfIncludes+1 {
			c.note("%s includes more than %d files: the others were not read", from, maxConfIncludes)
		}
		return
	}
	b, err := c.read(name)
	switch {
	case err == nil:
		c.lines(name, b, section)
	case word == "#include":
		c.note("%s includes %s, which cannot be read: %w", from, name, err)
	}
}

// setting takes "name = value" or "name => value". The first of several
// counts, as with ast_variable_retrieve.
func (c *rtpConfReader) setting(line string) {
	name, value, ok := strings.Cut(line, "=")
	if !ok {
		return
	}
	value = strings.TrimSpace(strings.TrimPrefix(value, ">"))
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "rtpstart":
		c.take(&c.first, "rtpstart", value)
	case "rtpend":
		c.take(&c.last, "rtpend", value)
	}
}

func (c *rtpConfReader) take(into *string, name, value string) {
	switch {
	case value == "":
	case *into == "":
		*into = value
	case *into != value:
		c.note("%s is set twice, to %s and to %s: the first counts", name, *into, value)
	}
}

func (c *rtpConfReader) conclude() {
	c.First, c.Last = asteriskRTPFirst, asteriskRTPLast
	c.Default = c.first == "" && c.last == ""
	if c.first != "" {
		c.First = c.port("rtpstart", c.first)
	}
	if c.last != "" {
		c.Last = c.port("rtpend", c.last)
	}
	if c.first == "" != (c.last == "") {
		c.note("only one of rtpstart and rtpend is set, the other is Asterisk's default")
	}
	if c.First >= c.Last {
		c.note("rtpstart %d is not below rtpend %d: Asterisk then takes %d-%d", c.First, c.Last, asteriskRTPFirst, asteriskRTPLast)
		c.First, c.Last, c.Default = asteriskRTPFirst, asteriskRTPLast, true
	}
}

// port reads a number as C's atoi does, and moves it inside of what Asterisk
// accepts.
func (c *rtpConfReader) port(name, value string) int {
	n := 0
	digits := value[:len(value)-len(strings.TrimLeft(value, "0123456789"))]
	for _, d := range digits {
		n = min(n*10+int(d-'0'), asteriskRTPHighest+1)
	}
	inside := min(max(n, asteriskRTPLowest), asteriskRTPHighest)
	if inside != n || digits != value {
		c.note("%s = %s is not a port from %d to %d: Asterisk takes %d", name, value, asteriskRTPLowest, asteriskRTPHighest, inside)
	}
	return inside
}

func (c *rtpConfReader) note(format string, args ...any) {
	c.Notes = append(c.Notes, platform.Words(fmt.Errorf(format, args...)))
}
