package asterisk

import (
	"net/netip"
	"slices"
	"strings"
)

// table reads a listing whose columns stand under their headings, by where the
// headings begin. Names may be cut at the column's width.
type table struct {
	names  []string
	starts []int
}

func newTable(header string, names ...string) (t table, ok bool) {
	at := 0
	for _, n := range names {
		i := strings.Index(header[at:], n)
		if i < 0 {
			return t, false
		}
		t.names, t.starts = append(t.names, n), append(t.starts, at+i)
		at += i + len(n)
	}
	return t, true
}

// cell is what stands under a heading, up to the next.
func (t table) cell(row, name string) string {
	i := slices.Index(t.names, name)
	if i < 0 || t.starts[i] >= len(row) {
		return ""
	}
	end := len(row)
	if i+1 < len(t.starts) {
		end = min(end, t.starts[i+1])
	}
	return strings.TrimSpace(row[t.starts[i]:end])
}

// parsePeers reads "sip show peers" of Asterisk 1.8 to 20: the registered ones.
func parsePeers(out string) (list []Contact) {
	var t table
	var ready bool
	for row := range strings.Lines(out) {
		row = strings.TrimRight(row, "\r\n")
		if strings.HasPrefix(row, "Name/username") {
			if t, ready = newTable(row, "Name/username", "Host", "Dyn", "Port", "Status", "Description"); !ready {
				t, ready = newTable(row, "Name/username", "Host", "Dyn", "Port", "Status")
			}
			continue
		}
		if !ready || strings.Contains(row, " sip peers [") {
			continue
		}
		name, _, _ := strings.Cut(t.cell(row, "Name/username"), "/")
		addr, err := netip.ParseAddr(t.cell(row, "Host"))
		if name == "" || err != nil { // "(Unspecified)": not registered
			continue
		}
		flags, _, _ := strings.Cut(t.cell(row, "Dyn"), " ")
		list = append(list, Contact{
			Driver: chanSIP, AOR: name, Addr: netip.AddrPortFrom(addr.Unmap(), uint16(number(t.cell(row, "Port")))),
			Status: t.cell(row, "Status"), Static: !strings.HasPrefix(flags, "D"),
		})
	}
	return list
}

// parseRegistry reads "sip show registry".
func parseRegistry(out string) (list []Registration) {
	var t table
	var ready bool
	for row := range strings.Lines(out) {
		row = strings.TrimRight(row, "\r\n")
		if strings.HasPrefix(row, "Host") && strings.Contains(row, "Refresh") {
			t, ready = newTable(row, "Host", "dnsmgr", "Username", "Refresh", "State", "Reg.Time")
			continue
		}
		host, port, _ := splitURI(t.cell(row, "Host"))
		if !ready || host == "" || strings.HasSuffix(row, "SIP registrations.") {
			continue
		}
		// The interval is right-aligned under "Refresh", as wide as it.
		list = append(list, Registration{
			Driver: chanSIP, Name: t.cell(row, "Username"), Server: host, Port: port, Status: t.cell(row, "State"),
		})
	}
	return list
}

// parseSIPSettings reads the sockets of "sip show settings".
func parseSIPSettings(out string) (list []Transport) {
	m := labelled(out)
	for _, c := range []struct{ label, protocol string }{
		{"UDP Bindaddress", "udp"}, {"TCP SIP Bindaddress", "tcp"}, {"TLS SIP Bindaddress", "tls"},
	} {
		if ap, err := netip.ParseAddrPort(m[c.label]); err == nil {
			list = append(list, Transport{Driver: chanSIP, Protocol: c.protocol, Bind: ap, Running: true})
		}
	}
	return list
}
