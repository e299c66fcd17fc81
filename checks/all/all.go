// Package all lists every check of the program, in the order of the report.
package all

import (
	"sync"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/allowlist"
	"github.com/sipdoctor/sipdoctor/checks/asteriskconfig"
	"github.com/sipdoctor/sipdoctor/checks/asteriskstate"
	"github.com/sipdoctor/sipdoctor/checks/blocked"
	"github.com/sipdoctor/sipdoctor/checks/capture"
	"github.com/sipdoctor/sipdoctor/checks/ciscostate"
	"github.com/sipdoctor/sipdoctor/checks/conntrack"
	"github.com/sipdoctor/sipdoctor/checks/dns"
	"github.com/sipdoctor/sipdoctor/checks/fail2ban"
	"github.com/sipdoctor/sipdoctor/checks/firewall"
	"github.com/sipdoctor/sipdoctor/checks/fragments"
	"github.com/sipdoctor/sipdoctor/checks/linuxrouter"
	"github.com/sipdoctor/sipdoctor/checks/logs"
	"github.com/sipdoctor/sipdoctor/checks/media"
	"github.com/sipdoctor/sipdoctor/checks/nat"
	"github.com/sipdoctor/sipdoctor/checks/natlifetime"
	"github.com/sipdoctor/sipdoctor/checks/routeros"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/checks/signalling"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
	"github.com/sipdoctor/sipdoctor/checks/uplink"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Checks returns every check in reported order: the office's way out first,
// then what happens on it, then the PBX from inside.
func Checks() []*checks.Check {
	return []*checks.Check{
		uplink.Check(),
		dns.Check(),
		nat.Check(),
		natlifetime.Check(),
		sipalg.Check(),
		fragments.Check(),
		rtpports.Check(),
		media.Check(),
		signalling.Check(),
		allowlist.Check(),
		blocked.Check(),
		firewall.Check(),
		fail2ban.Check(),
		conntrack.Check(),
		asteriskstate.Check(),
		asteriskconfig.Check(),
		capture.Check(),
		logs.Check(),
		ciscostate.Check(),
		routeros.Check(),
		linuxrouter.Check(),
	}
}

// Book holds the words of every check.
var Book = sync.OnceValue(func() *words.Book { return checks.BookOf(Checks()) })
