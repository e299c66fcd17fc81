package bans

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
)

// parsePrefix reads an address or a network in CIDR notation, or with a dotted
// mask.
func parsePrefix(s string) (netip.Prefix, bool) {
	s = strings.Trim(strings.TrimSpace(s), "[]")
	host, mask, slash := strings.Cut(s, "/")
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		return netip.Prefix{}, false
	}
	addr = addr.Unmap().WithZone("")
	if !slash {
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	if m, err := netip.ParseAddr(mask); err == nil {
		ones, ok := ones(m)
		if !ok || m.BitLen() != addr.BitLen() {
			return netip.Prefix{}, false
		}
		return netip.PrefixFrom(addr, ones).Masked(), true
	}
	p, err := netip.ParsePrefix(addr.String() + "/" + mask)
	return p.Masked(), err == nil
}

// ones counts the leading ones of a mask, which nothing may follow.
func ones(mask netip.Addr) (n int, ok bool) {
	ended := false
	for _, b := range mask.AsSlice() {
		for i := 7; i >= 0; i-- {
			set := b>>i&1 == 1
			if set && ended {
				return 0, false
			}
			if ended = !set; set {
				n++
			}
		}
	}
	return n, true
}

// short writes a network as people do: without the length if it is one address.
func short(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// deleteLine is the change that takes one line out of a file and puts it back
// in its place. A file that changed in between is left alone, with a bad status.
func deleteLine(title, file string, number int, line string) Change {
	q := platform.ShellWord(file)
	sed := func(text string) string { return "sed -i " + platform.ShellWord(text) + " " + q }
	back := sed(fmt.Sprintf(`%da\%s`, number-1, strings.ReplaceAll(line, `\`, `\\`)))
	if number == 1 { // there is no line to add it after
		copied := platform.ShellWord(file + ".sipdoctor")
		back = fmt.Sprintf("cp %s %s && { printf '%%s\\n' %s; cat %s; } > %s && rm %s", q, copied, platform.ShellWord(line), copied, q, copied)
	}
	return Change{Title: title, Persistent: true, Undo: []string{back}, Commands: []string{
		fmt.Sprintf("sed -n %dp %s | grep -Fxq -e %s && %s", number, q, platform.ShellWord(line), sed(fmt.Sprintf("%dd", number))),
	}}
}
