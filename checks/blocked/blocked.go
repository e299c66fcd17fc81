// Package blocked is the check behind "why": what this machine does with the
// packets of an address, which rule or ban decides, since when, because of
// what, and how to free it everywhere.
package blocked

import (
	_ "embed"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

//go:embed words.yaml
var ownWords []byte

// Check returns the check.
func Check() *checks.Check {
	return checks.Define(checks.Check{
		ID: "blocked", Words: ownWords, Group: "pbx", Title: "No address that matters is blocked",
		Doc: `Tells whether this PBX lets an address in, and who blocks it if not.

It reads and sends nothing: the loaded rules of iptables (both kinds), nftables
and ipset are evaluated for the SIP and RTP ports, as the kernel would, in order
and with every jump, mark and set. fail2ban, CrowdSec, firewalld, ufw, CSF,
routes, hosts.deny, the lists of "recent", Asterisk's own ACLs and Kamailio are
asked what they hold, since when and why; the log says who keeps failing.

The verdict is about the own address that packets of the address come to: the
one that Asterisk binds, or that of the interface by which the routes lead to
it. What rules of translation send on to a container or another machine is
followed through the routes. Each port that --udp and --tcp name counts.

"sipdoctor why ADDRESS" asks for one address, "sipdoctor pbx" for those that
matter: registered phones, trunks, the profile's networks, the gateway, you.

fail: an address is blocked, or partly blocked by a ban; or a port is redirected
to where nothing listens.
warn: it will be banned again, or soon, or RTP is not let in; or it is let in
only at another own address; or a ban on it does not affect forwarded packets.
inconclusive: the rules could not be read, or depend on something they do not show.
Without root only the logs, configuration files and routes can be read.`,
		Timeout: 30 * time.Second, // a listing of 100,000 nftables rules takes some seconds on a small machine
	}, observe, judge)
}
