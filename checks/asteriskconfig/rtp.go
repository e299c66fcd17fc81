package asteriskconfig

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// rtpRange is about the ports of media.
func rtpRange(v *view) {
	first, last := v.rtp("rtpstart"), v.rtp("rtpend")
	r := v.o.RTP
	switch {
	case first == nil && last == nil:
		if v.Whole("rtp.conf") || !v.o.Saved && v.o.Found && !v.Has("rtp.conf") && !slices.Contains(v.Denied, "rtp.conf") {
			v.add(Fault{ID: "rtp-default", Severity: warning, Confidence: certain, Args: words.Args{"file": v.Has("rtp.conf")}, Lines: []Line{{At: "rtp.conf", Want: "rtpstart=10000 rtpend=20000"}}, Source: sampleRTP}, "")
		}
		return
	case first != nil && last != nil && number(first.Value) >= number(last.Value):
		v.add(Fault{ID: "rtp-reversed", Severity: critical, Confidence: certain, Args: words.Args{"first": first.Value, "last": last.Value},
			Lines: []Line{line(first, ""), line(last, "")}, Source: sampleRTP}, "")
		return
	}
	if first != nil && number(first.Value)%2 == 1 {
		n := number(first.Value) + 1
		want := "rtpstart=" + strconv.Itoa(n)
		v.add(Fault{ID: "rtp-odd", Severity: warning, Confidence: certain, Args: words.Args{"first": first.Value, "before": n - 2}, Lines: []Line{line(first, want)},
			Edits: []Edit{{File: first.File, Line: first.Line, Drop: first.Name, Add: want}}, Reload: "rtp", Source: sampleRTP}, "")
	}
	phones := len(v.dynamic)
	for _, p := range v.SIP {
		if isPeer(p) && strings.EqualFold(p.Last("host"), "dynamic") {
			phones++
		}
	}
	pairs := (r.Last - r.First + 1) / 2
	if first != nil && last != nil && phones > 0 && pairs < phones {
		v.add(Fault{ID: "rtp-small", Severity: warning, Confidence: likely, Args: words.Args{"range": first.Value + "-" + last.Value, "pairs": pairs, "phones": phones},
			Lines: []Line{line(first, ""), line(last, "rtpend="+strconv.Itoa(min(65535, number(first.Value)+max(1000, 8*phones)-1)))}, Source: sampleRTP}, "")
	}
}

const sampleRTP = "https://github.com/asterisk/asterisk/blob/master/configs/samples/rtp.conf.sample"

// rtp is an option of rtp.conf: the first of several counts.
func (v *view) rtp(name string) *option {
	for _, s := range v.RTP {
		if s.Template || !strings.EqualFold(s.Name, "general") {
			continue
		}
		for i := range s.Options {
			if strings.EqualFold(s.Options[i].Name, name) {
				return &s.Options[i]
			}
		}
	}
	return nil
}
