package asterisk

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

var (
	peerStatus = regexp.MustCompile(`^(OK|LAGGED|UNREACHABLE|UNKNOWN|Unmonitored)(?: \((\d{1,9}) ?ms\))?`)
	peerCount  = regexp.MustCompile(`^(\d+) sip peers \[`)
	lineCount  = regexp.MustCompile(`^(\d+) SIP registrations\.`)
)

// peer reads a row of "sip show peers": name, host, flags, port, status. It goes
// by the words and not by the columns, which mails squeeze.
//
// Source: channels/chan_sip.c of 1.8 to 20, _sip_show_peers_one.
func (r *showing) peer(line string) bool {
	f := strings.Fields(line)
	host := 0
	p := ShownPeer{Row: rowOf(line, r.line)}
	for i, word := range f {
		addr, err := netip.ParseAddr(word)
		if err == nil || word == "(Unspecified)" || word == "-none-" {
			host, p.Host = i, addr.Unmap().WithZone("")
			break
		}
	}
	if host == 0 {
		return false
	}
	p.Name, _, _ = strings.Cut(strings.Join(f[:host], " "), "/")
	flags, status, ok := atPort(f[host+1:])
	if !ok {
		// A window as wide as the port: the row is known, and its state is not.
		if len(f) > host+1 && len(flags) == len(f)-host-1 && r.mode == ShowPeers && plausibleFlags(flags) && len(line) >= narrow {
			r.Cut++
			r.add(p, flags)
			return true
		}
		return false
	}
	p.Port = number(flags[len(flags)-1])
	m := peerStatus.FindStringSubmatch(strings.Join(status, " "))
	if m == nil {
		return false
	}
	p.Status, p.MS = m[1], number(m[2])
	r.add(p, flags[:len(flags)-1])
	return true
}

// narrow is a window so wide that a row ends in it before its status: 80 columns,
// less the white space at the end.
const narrow = 66

func (r *showing) add(p ShownPeer, flags []string) {
	p.Dynamic = len(flags) > 0 && flags[0] == "D"
	if p.Dynamic {
		flags = flags[1:]
	}
	if p.Status != "" {
		p.NAT = natOf(strings.Join(flags, " "))
	}
	if room(r.Peers) {
		r.Peers = append(r.Peers, p)
	}
}

// atPort splits what follows the host behind the port. The port is the first
// number, and a status or nothing comes after it.
func atPort(f []string) (upToPort, status []string, ok bool) {
	for i, word := range f {
		if isNumber(word) && i+1 < len(f) && peerStatus.MatchString(strings.Join(f[i+1:min(len(f), i+4)], " ")) {
			return f[:i+1], f[i+1:], true
		}
	}
	return f, nil, false
}

func isNumber(s string) bool {
	return s != "" && len(s) < 10 && strings.Trim(s, "0123456789") == ""
}

// plausibleFlags knows the columns between host and status, of which the last may
// be cut.
func plausibleFlags(f []string) bool {
	known := []string{"D", "N", "A", "a", "Yes", "No", "Auto", "(Yes)", "(No)"}
	for i, w := range f {
		begins := func(word string) bool { return word == w || i == len(f)-1 && strings.HasPrefix(word, w) }
		if !slices.ContainsFunc(known, begins) && !isNumber(w) {
			return false
		}
	}
	return true
}

// natOf reads the columns Nat, or Forcerport: force_rport_string in
// channels/chan_sip.c.
func natOf(flags string) string {
	switch {
	case strings.HasPrefix(flags, "Auto (Yes)"):
		return "auto-yes"
	case strings.HasPrefix(flags, "Auto (No)"):
		return "auto-no"
	case strings.HasPrefix(flags, "Yes"), strings.HasPrefix(flags, "N "), flags == "N":
		return "yes"
	}
	return "no"
}

// registryStates are those of "sip show registry" (regstatestrings).
var registryState = regexp.MustCompile(`(?i)^(Registered|Request Sent|Auth\. Sent|No Authentication|Rejected|Failed|Unregistered|Timeout|Unknown)\b ?(.*)$`)

// registry reads a row of "sip show registry": host:port, dnsmgr, user, refresh,
// state, time.
func (r *showing) registry(line string) bool {
	f := strings.Fields(line)
	if len(f) < 4 {
		return false
	}
	host, port, _ := splitURI(f[0])
	g := ShownRegistration{Row: rowOf(line, r.line), Driver: chanSIP, Server: host, Port: port, Cut: len(f[0]) >= registryColumn}
	rest := f[1:]
	if rest[0] == "N" || rest[0] == "Y" {
		rest = rest[1:]
	}
	for i := 1; i < len(rest); i++ {
		if m := registryState.FindStringSubmatch(strings.Join(rest[i:], " ")); m != nil && isNumber(rest[i-1]) {
			g.Name, g.Status, g.Since = strings.Join(rest[:i-1], " "), m[1], m[2]
			if room(r.Registrations) {
				r.Registrations = append(r.Registrations, g)
			}
			return host != ""
		}
	}
	return false
}

// registryColumn is the width of the host in "sip show registry".
const registryColumn = 39
