package render

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
)

// A portBarState is what became of the ports in a part of the range; the later of two
// is the worse. Each has a shape of its own in the picture.
var portBarStates = []string{"untested", "open", "unknown", "return", "outbound"}

// portBarParts is in how many parts a range is drawn: more than can be told apart on
// a screen for a telephone, and as many whatever the report holds.
const portBarParts = 300

// portPicture is the range of media ports at a glance, each part as bad as the worst
// of its ports.
type portPicture struct {
	First, Last string
	Runs        []portRun
	Lists       []portList
}

// portRun is a run of parts of one state.
type portRun struct {
	X, W  int
	State string
}

// portList are the ports of one state.
type portList struct {
	State string
	Ports []string
}

// portsOf draws the range of media ports; nil where it was not tested.
func portsOf(r *checks.Report) *portPicture {
	var f rtpports.Facts
	Facts(r, "rtp-ports", &f)
	first, last, ok := portRange(f.Range)
	if !ok || f.PortsProbed == 0 {
		return nil
	}
	pic := &portPicture{First: strconv.Itoa(first), Last: strconv.Itoa(last)}
	worst := make([]int, portBarParts)
	for state, list := range [][]string{1: f.Open, 2: f.Unknown, 3: f.BlockedReturn, 4: f.BlockedOutbound} {
		if len(list) > 0 {
			pic.Lists = append(pic.Lists, portList{portBarStates[state], list})
		}
		for _, ports := range list {
			from, to, ok := portRange(ports)
			if from, to = max(from, first), min(to, last); !ok || from > to {
				continue
			}
			for i := partOf(from, first, last); i <= partOf(to, first, last); i++ {
				worst[i] = max(worst[i], state)
			}
		}
	}
	for i, state := range worst {
		if n := len(pic.Runs); n > 0 && pic.Runs[n-1].State == portBarStates[state] {
			pic.Runs[n-1].W++
			continue
		}
		pic.Runs = append(pic.Runs, portRun{i, 1, portBarStates[state]})
	}
	slices.Reverse(pic.Lists) // the worst first
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
