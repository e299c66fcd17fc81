package asterisk

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// What res_rtp_asterisk.c takes without a configuration, and the ports it
// accepts in one (DEFAULT_RTP_START, DEFAULT_RTP_END, MINIMUM_RTP_PORT).
const (
	defaultRTPFirst = 5000
	defaultRTPLast  = 31000
	lowestRTPPort   = 1024
	highestRTPPort  = 65535
)

// ReadRTPConf reads Asterisk's rtp.conf at name, and what it includes, by
// read. The error is about the file itself; what is odd in it is a note.
func ReadRTPConf(name string, read func(name string) ([]byte, error)) (*netinfo.RTPConf, error) {
	c, err := ParseConfig(name, Files{Read: read, Dir: path.Dir(name)})
	if err != nil {
		return nil, err
	}
	r := rtpConf{netinfo.RTPConf{File: name}}
	for _, u := range c.Unread {
		switch {
		case u.Err != nil:
			r.note(fmt.Errorf("%s includes %s, which cannot be read: %w", u.From, u.File, u.Err))
		default:
			r.note(fmt.Errorf("%s runs a program (#exec), which may set other ports", u.From))
		}
	}
	r.conclude(c)
	return &r.RTPConf, nil
}

type rtpConf struct{ netinfo.RTPConf }

// conclude finds the range as Asterisk does: values outside 1024-65535 are moved
// inside, and a range that ends before it begins is replaced by the default.
func (r *rtpConf) conclude(c *Config) {
	first, last := r.setting(c, "rtpstart"), r.setting(c, "rtpend")
	r.First, r.Last, r.Default = defaultRTPFirst, defaultRTPLast, first == "" && last == ""
	if first != "" {
		r.First = r.port("rtpstart", first)
	}
	if last != "" {
		r.Last = r.port("rtpend", last)
	}
	if first == "" != (last == "") {
		r.note(errors.New("only one of rtpstart and rtpend is set, the other is Asterisk's default"))
	}
	if r.First >= r.Last {
		r.note(fmt.Errorf("rtpstart %d is not below rtpend %d: Asterisk then takes %d-%d", r.First, r.Last, defaultRTPFirst, defaultRTPLast))
		r.First, r.Last, r.Default = defaultRTPFirst, defaultRTPLast, true
	}
}

// setting is the value of an option of [general]. The first of several counts,
// as with ast_variable_retrieve.
func (r *rtpConf) setting(c *Config, name string) (first string) {
	for _, s := range c.Named("general") {
		for _, value := range s.All(name) {
			switch {
			case first == "":
				first = value
			case value != "" && value != first:
				r.note(fmt.Errorf("%s is set twice, to %s and to %s: the first counts", name, first, value))
			}
		}
	}
	return first
}

// port reads a number as C's atoi does, and moves it inside of what Asterisk
// accepts.
func (r *rtpConf) port(name, value string) int {
	n := 0
	digits := value[:len(value)-len(strings.TrimLeft(value, "0123456789"))]
	for _, d := range digits {
		n = min(n*10+int(d-'0'), highestRTPPort+1)
	}
	inside := min(max(n, lowestRTPPort), highestRTPPort)
	if inside != n || digits != value {
		r.note(fmt.Errorf("%s = %s is not a port from %d to %d: Asterisk takes %d", name, value, lowestRTPPort, highestRTPPort, inside))
	}
	return inside
}

func (r *rtpConf) note(err error) { r.Notes = append(r.Notes, platform.Words(err)) }
