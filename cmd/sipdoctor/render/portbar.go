package render

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
)

// portBarParts is in how many parts a range is drawn: more than can be told apart on
// a screen for a telephone, and as many whatever the report holds.
const portBarParts = 300

// fewRanges of ports are read at a glance; a lossy path makes hundreds.
const fewRanges = 12

// portPicture is a range of media ports at a glance, each part as bad as the worst of
// its ports.
type portPicture struct {
	Way         string // a code: "out" and back, or "in" from outside
	First, Last string
	Runs        []portRun
	Lists       []portList // the worst first
}

// portRun is a run of parts of one shape.
type portRun struct {
	X, W  int
	Shape string
}

// portList are the ports that came to one thing, a code. Each shape stands for itself
// where there is no colour.
type portList struct {
	State, Shape string
	Ports        []string
}

// The shapes, and that of ports which were not tested.
const (
	shapeOpen     = "open"
	shapeUnknown  = "unknown"
	shapeReturn   = "return" // blocked behind the far end
	shapeBlocked  = "blocked"
	shapeUntested = "untested"
)

// portsOf draws the ranges of media ports that were tested.
func portsOf(r *checks.Report) (list []*portPicture) {
	var f rtpports.Facts
	Facts(r, "rtp-ports", &f)
	if f.PortsProbed > 0 {
		list = append(list, portBarOf("out", f.Range, []portList{
			{"open", shapeOpen, f.Open}, {"unknown", shapeUnknown, f.Unknown}, {"return", shapeReturn, f.BlockedReturn}, {"outbound", shapeBlocked, f.BlockedOutbound},
		}))
	}
	if in := f.Inbound; in != nil && in.PortsProbed > 0 {
		var moved []string
		for _, m := range in.Moved {
			moved = append(moved, m.Ports+" → "+m.To)
		}
		list = append(list, portBarOf("in", in.Range, []portList{
			{"arrives", shapeOpen, in.Arrives}, {"in-use", shapeUnknown, in.InUse}, {"unknown", shapeUnknown, in.Unknown},
			{"moved", shapeReturn, moved}, {"local", shapeReturn, in.LocalFirewall}, {"silent", shapeBlocked, in.Silent},
		}))
	}
	return slices.DeleteFunc(list, func(pic *portPicture) bool { return pic == nil })
}

// portBarOf draws a range; of lists the later is the worse. Nil: it is no range.
func portBarOf(way, ports string, lists []portList) *portPicture {
	first, last, ok := portRange(ports)
	if !ok {
		return nil
	}
	pic := &portPicture{Way: way, First: strconv.Itoa(first), Last: strconv.Itoa(last)}
	shapes := slices.Repeat([]string{shapeUntested}, portBarParts)
	for _, list := range lists {
		if len(list.Ports) > 0 {
			pic.Lists = append(pic.Lists, list)
		}
		for _, ports := range list.Ports {
			before, _, _ := strings.Cut(ports, " ")
			from, to, ok := portRange(before)
			if from, to = max(from, first), min(to, last); !ok || from > to {
				continue
			}
			for i := partOf(from, first, last); i <= partOf(to, first, last); i++ {
				shapes[i] = list.Shape
			}
		}
	}
	for i, shape := range shapes {
		if n := len(pic.Runs); n > 0 && pic.Runs[n-1].Shape == shape {
			pic.Runs[n-1].W++
			continue
		}
		pic.Runs = append(pic.Runs, portRun{i, 1, shape})
	}
	slices.Reverse(pic.Lists)
	return pic
}

// partOf is the part of the range from first to last in which a port is drawn.
func partOf(port, first, last int) int { return (port - first) * portBarParts / (last - first + 1) }

// portRange reads "10000-65535" or "5060".
func portRange(s string) (first, last int, ok bool) {
	from, to, several := strings.Cut(s, "-")
	if !several {
		to = from
	}
	first, err := strconv.Atoi(from)
	if err != nil {
		return 0, 0, false
	}
	last, err = strconv.Atoi(to)
	return first, last, err == nil && first >= 0 && last >= first && last <= 65535
}
