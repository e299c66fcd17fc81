package blocked

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/judged"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func at(list ...string) (out []netip.Addr) {
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

// sip, tls and rtp are paths in, with what becomes of the packets.
func sip(verdict string) Path { return way("udp", "5060", purposeSIP, verdict) }
func tls(verdict string) Path { return way("tcp", "5061", purposeSIP, verdict) }
func rtp(verdict string) Path { return way("udp", "10000-20000", purposeRTP, verdict) }

func way(protocol, ports, purpose, verdict string) Path {
	return Path{
		Direction: in, Protocol: protocol, Ports: ports, Purpose: purpose, Verdict: verdict,
		Rule: "-j " + strings.ToUpper(verdict), Table: "iptables-nft ip filter INPUT rule 9", Trace: []string{},
	}
}

// with changes a path.
func (p Path) with(change func(*Path)) Path { change(&p); return p }

func to(list ...string) func(*Path) { return func(p *Path) { p.At = at(list...) } }
func dead(p *Path)                  { p.SentTo, p.Via, p.Dead = "port 5160", "the redirect", true }
func onward(p *Path)                { p.SentTo, p.Onward = "172.17.0.2 port 5060", true }
func everyone(p *Path)              { p.Everyone = true }
func answers(p *Path)               { p.Direction = out }
func established(p *Path)           { p.Established = "accept" }

// jail is a ban of fail2ban that bites.
func jail(name string) Block {
	return Block{
		Layer: "fail2ban", Where: "jail " + name, Object: "198.51.100.7", Jail: name, Prefix: netip.MustParsePrefix("198.51.100.7/32"), Effective: true,
		Lift: packetfilter.Change{Step: command.Step{Do: []command.Command{command.New("fail2ban-client", "set").Values(name).Words("unbanip").Values("198.51.100.7")}}},
	}
}

// heldBy is something in another layer that holds the address.
func heldBy(layer, owner, object string) Block {
	return Block{
		Layer: layer, Where: "the list of " + layer, Object: object, Owner: owner, Prefix: netip.MustParsePrefix("198.51.100.7/32"), Effective: true,
		Lift: packetfilter.Change{Step: command.Step{Do: []command.Command{command.New("ipset", "del").Values("free-"+layer, "198.51.100.7")}}},
	}
}

func (b Block) with(change func(*Block)) Block { change(&b); return b }

func idle(b *Block) { b.Effective, b.Why = false, "it stands elsewhere" }

// What the judge says of an address: how bad it is, in which words, and what it
// leaves unsaid.
func TestWhatIsSaidOfAnAddress(t *testing.T) {
	flow := func(protocol string, port uint16) netinfo.Flow {
		return netinfo.Flow{Protocol: protocol, From: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), port), To: netip.MustParseAddrPort("192.0.2.1:5060"), Answered: true}
	}
	const banned, notLetIn, exempt, near, again, idleBan, nowhere, other, goesOn = "blocked.banned critical certain", "blocked.not-let-in critical certain",
		"blocked.not-exempt warning certain", "blocked.near warning certain", "blocked.rearming warning likely", "blocked.ineffective info certain",
		"blocked.sent-nowhere critical certain", "blocked.other-address info certain", "blocked.connection-goes-on warning certain"
	for _, tt := range []struct {
		name   string
		s      Subject
		o      func(*Observed)
		status checks.Status
		found  []string // the findings
		says   []string // somewhere in the result
		not    []string
	}{
		{
			name: "everything is let in", s: Subject{Paths: []Path{sip("accept"), rtp("accept")}}, status: checks.Pass,
			says: []string{"198.51.100.7 is let in on UDP 5060, UDP 10000-20000"}, not: []string{"bundle"},
		}, {
			name: "it is let in by what the bundle holds", s: Subject{Paths: []Path{sip("accept")}}, o: func(o *Observed) { o.Partial = true }, status: checks.Pass,
			says: []string{"is let in on UDP 5060, by the rules in the bundle"},
		}, {
			name: "SIP is stopped", s: Subject{Paths: []Path{sip("reject"), rtp("accept")}}, status: checks.Fail, found: []string{notLetIn},
			says: []string{"is blocked by the firewall: -j REJECT", "does not let 198.51.100.7 in on UDP 5060", "reject by iptables-nft ip filter INPUT rule 9"}, not: []string{"UDP 10000"},
		}, {
			name: "SIP over UDP is stopped and TLS is not", s: Subject{Paths: []Path{sip("drop"), tls("accept")}}, status: checks.Fail, found: []string{notLetIn},
			says: []string{"198.51.100.7 is let in on TCP 5061 but not on UDP 5060 by the firewall"},
		}, {
			name: "SIP over UDP is stopped for everyone and TLS is not", s: Subject{Paths: []Path{sip("drop").with(everyone), tls("accept")}}, status: checks.Pass,
			says: []string{"is let in on TCP 5061"},
		}, {
			name: "a port that the user named is stopped for everyone", s: Subject{Paths: []Path{way("udp", "5060", "", "drop").with(everyone), way("tcp", "5061", "", "accept")}}, status: checks.Fail, found: []string{notLetIn},
			says: []string{"is let in on TCP 5061 but not on UDP 5060"},
		}, {
			name: "SIP is stopped or not, TLS is stopped", s: Subject{Paths: []Path{sip("maybe"), tls("drop")}}, status: checks.Fail, found: []string{notLetIn},
			says: []string{"198.51.100.7 is blocked on some ports by the firewall"},
		}, {
			name: "RTP alone is stopped", s: Subject{Paths: []Path{sip("accept"), rtp("drop")}}, status: checks.Warn, found: []string{"blocked.not-let-in warning certain"},
			says: []string{"RTP from 198.51.100.7 is let in only as a reply: UDP 10000-20000 is closed"},
		}, {
			name: "the answers are stopped, also those to connections that exist", s: Subject{Paths: []Path{sip("accept"), sip("drop").with(answers)}}, status: checks.Fail, found: []string{notLetIn},
			says: []string{"this machine's own packets from UDP 5060"},
		}, {
			name: "the answers to everyone are stopped, but not those to connections that exist", s: Subject{Paths: []Path{sip("accept"), sip("drop").with(answers).with(everyone).with(established)}}, status: checks.Pass,
		}, {
			name: "the answers to this address are stopped, but not those to connections that exist", s: Subject{Paths: []Path{sip("accept"), sip("drop").with(answers).with(established)}}, status: checks.Fail, found: []string{notLetIn},
		}, {
			name: "csf holds it, by what it left in its files", s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("csf", "", "csf.deny")}}, status: checks.Fail, found: []string{banned, exempt}, says: []string{"is blocked by csf"},
		}, {
			name: "APF and sshguard hold it, in files of theirs", s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("apf", "", "deny_hosts.rules"), heldBy("sshguard", "", "blacklist.db")}}, status: checks.Fail, found: []string{banned},
			says: []string{`"persistent":true`, `"source":"apf(8), sshguard(8)"`},
		}, {
			name: "an address of IPv6, and firewalld", o: func(o *Observed) { o.Machine.FirewallD = true }, s: Subject{Address: netip.MustParsePrefix("2001:db8::7/128"), Paths: []Path{sip("drop")}}, status: checks.Fail, found: []string{notLetIn},
			says: []string{"ipv6"}, not: []string{"ipv4"},
		}, {
			name: "one entry that two rules lead to is deleted once", s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("ipset", "", "x"), heldBy("ipset", "", "x").with(func(b *Block) { b.Where = "another list" })}}, status: checks.Fail, found: []string{banned},
			says: []string{`"commands":["ipset del free-ipset 198.51.100.7"]`},
		}, {
			name: "four own addresses where it is let in otherwise", s: Subject{At: at("192.0.2.1"), Paths: []Path{sip("accept")}, Elsewhere: []Path{
				sip("drop").with(to("10.99.0.1")), tls("drop").with(to("10.99.0.2")), rtp("drop").with(to("10.99.0.3")), way("tcp", "5062", purposeSIP, "drop").with(to("10.99.0.4")),
			}}, status: checks.Pass, found: []string{other},
			says: []string{"is not let in on UDP 5060 at 10.99.0.1, TCP 5061 at 10.99.0.2, UDP 10000-20000 at 10.99.0.3 and 1 more"},
		}, {
			name: "the answers to everyone are stopped", s: Subject{Paths: []Path{sip("accept"), sip("drop").with(answers).with(everyone)}}, status: checks.Fail, found: []string{notLetIn},
		}, {
			name: "of a network a part is stopped", s: Subject{Address: netip.MustParsePrefix("198.51.100.0/24"), Paths: []Path{sip("drop").with(func(p *Path) { p.Sources = "198.51.100.7" }), sip("accept")}}, status: checks.Fail, found: []string{notLetIn},
			says: []string{"UDP 5060 from 198.51.100.7"},
		}, {
			name: "it is not known", s: Subject{Paths: []Path{sip("maybe").with(func(p *Path) { p.Reasons = []words.Reason{words.Quote("a limit")} })}}, status: checks.Inconclusive,
			says: []string{"it is unclear whether 198.51.100.7 is let in", "cannot be decided for 198.51.100.7 from the rules alone: a limit"},
		}, {
			name: "nothing was asked of the packet filter", s: Subject{}, status: checks.Inconclusive, says: []string{"the packet filter could not be read\""},
		}, {
			name: "nothing was asked of the packet filter, and the first note says why", s: Subject{}, o: func(o *Observed) { o.Notes = words.Quotes([]string{"nft: no answer", "ipset: no answer"}) }, status: checks.Inconclusive,
			says: []string{`"reason":"nft: no answer"`},
		}, {
			name: "names of trunks were not looked up", s: Subject{}, o: func(o *Observed) { o.Notes = []words.Reason{words.Because("blocked.note.trunks")} }, status: checks.Inconclusive,
			says: []string{`"reason":"trunks that are set by host name were not checked: names are not looked up"`, `"notes":["trunks that are set by host name`},
		}, {
			name: "a part of the packet filter was not read", s: Subject{}, o: func(o *Observed) {
				o.Notes, o.FilterNote = words.Quotes([]string{"ipset: no answer"}), words.Quote("nft: it ends early")
			}, status: checks.Inconclusive,
			says: []string{"the packet filter could not be read completely: nft: it ends early"},
		}, {
			name: "a part of it that may stop this address was not read", s: Subject{Unread: words.Quote("table inet guard is loaded"), Paths: []Path{sip("maybe")}}, o: func(o *Observed) { o.FilterNote = "nft: it ends early" }, status: checks.Inconclusive,
			says: []string{"the packet filter could not be read completely: table inet guard is loaded"},
		}, {
			name: "the packet filter is for root", s: Subject{}, o: func(o *Observed) { o.Root, o.Unread = false, []string{"packet filter"} }, status: checks.Inconclusive, says: []string{"sudo"},
		}, {
			name: "root could not read it either", s: Subject{}, o: func(o *Observed) { o.Unread = []string{"packet filter"} }, status: checks.Inconclusive, says: []string{"the packet filter could not be read"}, not: []string{"sudo"},
		}, {
			name: "fail2ban did not answer", s: Subject{Paths: []Path{sip("accept")}}, o: func(o *Observed) { o.Unread = []string{"fail2ban"} }, status: checks.Inconclusive,
			says: []string{"fail2ban did not answer: whether 198.51.100.7 is banned there is not known"},
		}, {
			name: "the router of this machine, of which nothing is asked but a ban", s: Subject{Use: useGateway}, status: checks.Pass, says: []string{"198.51.100.7 is let in"},
		}, {
			name: "the router, and a part of the packet filter was not read", s: Subject{Use: useGateway, Unread: words.Quote("cut off")}, status: checks.Inconclusive, says: []string{"could not be read completely: cut off"},
		}, {
			name: "the router is banned", s: Subject{Use: useGateway, Blocks: []Block{heldBy("route", "", "blackhole")}}, status: checks.Fail, found: []string{banned, exempt}, o: func(o *Observed) { o.Machine.CSF = true },
			says: []string{"Stopped: everything, after the packet filter."},
		}, {
			name: "a black hole stops what the packet filter accepts", s: Subject{Paths: []Path{sip("accept")}, Blocks: []Block{heldBy("route", "", "blackhole")}}, status: checks.Fail, found: []string{banned},
			says: []string{"is blocked by route"}, not: []string{"some ports"},
		}, {
			name: "a black hole that another route overrules", s: Subject{Paths: []Path{sip("accept")}, Blocks: []Block{heldBy("route", "", "blackhole").with(idle)}}, status: checks.Pass, found: []string{idleBan},
		}, {
			name: "Kamailio refuses it", s: Subject{Paths: []Path{sip("accept")}, Blocks: []Block{heldBy("kamailio", "", "ipban")}}, status: checks.Fail, found: []string{banned}, says: []string{"is blocked by kamailio"},
		}, {
			name: "Asterisk refuses it", s: Subject{Paths: []Path{sip("accept")}, Blocks: []Block{heldBy("asterisk-acl", "", "deny=0.0.0.0/0")}}, status: checks.Fail, found: []string{banned}, says: []string{"is blocked by asterisk-acl"},
		}, {
			name: "an ACL of single extensions is no ban", s: Subject{Paths: []Path{sip("accept")}, Blocks: []Block{heldBy("asterisk-acl", "", "deny=0.0.0.0/0").with(idle)}}, status: checks.Pass, not: []string{"has no effect"},
		}, {
			name: "fail2ban bans it for SIP, and its rule is not named twice", status: checks.Fail, found: []string{banned, exempt},
			s: Subject{Paths: []Path{sip("drop"), rtp("accept")}, Blocks: []Block{
				heldBy("iptables", "fail2ban", "-j DROP").with(func(b *Block) { b.Jail = "sip"; b.Reasons = []string{"a comment of the rule"} }),
				jail("sip").with(func(b *Block) {
					b.Since, b.Until, b.Reasons = now.Add(-time.Hour), now.Add(10*time.Minute), []string{"first", "second", "third", "third"}
				}),
			}},
			says: []string{"198.51.100.7 is blocked by fail2ban (sip)", "Held by fail2ban (sip) since 2026-11-22 09:00:00 UTC until 2026-11-22 10:10:00 UTC, 10 min left. Stopped", `"because","got":"second"`, `"because","got":"third"`, "fail2ban-client set sip unbanip 198.51.100.7", "Stopped: UDP 5060."},
			not:  []string{"comment of the rule", "free-iptables", `"got":"first"`, "left by", "recidive", "is not running", "FreePBX", "go on", "all of it is freed"},
		}, {
			name: "a rule of another jail stays when fail2ban lifts its ban", status: checks.Fail, found: []string{banned, exempt},
			s:    Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("iptables", "fail2ban", "its rule").with(func(b *Block) { b.Jail = "old" }), jail("sip")}},
			says: []string{"by fail2ban (sip), iptables (left by fail2ban old)", "free-iptables", "unbanip"},
		}, {
			name: "a set of CrowdSec empties when its decision is deleted", status: checks.Fail, found: []string{banned, exempt},
			s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{
				heldBy("nftables", "crowdsec", "198.51.100.7").with(func(b *Block) {
					b.Wait = []command.Command{command.New("ipset", "list").Values("wait-for-the-bouncer")}
				}),
				heldBy("crowdsec", "", "7").with(func(b *Block) { b.Jail = "asterisk_bf" }),
			}},
			says: []string{"is blocked by crowdsec (asterisk_bf)\"", "free-crowdsec", "wait-for-the-bouncer", "cscli_decisions_delete"}, not: []string{"free-nftables"},
		}, {
			name: "a set of CrowdSec that holds what no decision is about", status: checks.Fail, found: []string{banned},
			s:    Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("nftables", "crowdsec", "198.51.100.7")}},
			says: []string{"is blocked by nftables (left by crowdsec)"},
		}, {
			name: "who bans is named before where bans are kept", status: checks.Fail, found: []string{banned, exempt}, o: func(o *Observed) { o.Machine.CSF = true },
			s:    Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("ipset", "", "a"), heldBy("csf", "", "b"), heldBy("iptables", "ufw", "c"), jail("sip"), jail("asterisk")}},
			says: []string{"by fail2ban (asterisk, sip), csf, ipset and 1 more", `"persistent":false`},
		}, {
			name: "fail2ban bans again what it banned before", status: checks.Fail, found: []string{banned, exempt},
			s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{jail("recidive").with(func(b *Block) { b.Permanent = true })}}, says: []string{"recidive bans those that were banned before", "Held by fail2ban (recidive) permanently. Stopped", `"persistent":true`},
		}, {
			name: "a rule that fail2ban left when it was stopped", status: checks.Fail, found: []string{banned, idleBan},
			s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("iptables", "fail2ban", "-j DROP").with(func(b *Block) { b.Jail = "sip" }), jail("sip").with(func(b *Block) {
				b.Effective, b.Asleep, b.Lift, b.Why = false, true, packetfilter.Change{}, "fail2ban is not running"
			})}},
			says: []string{"iptables (left by fail2ban sip)", "it bans the address again from its database; then run: fail2ban-client set sip unbanip 198.51.100.7"}, not: []string{"not-exempt"},
		}, {
			name: "three layers hold it, of two the time is told", status: checks.Fail, found: []string{banned, exempt},
			s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{
				jail("a").with(func(b *Block) { b.Since = now }), jail("b").with(func(b *Block) { b.Until = now }), jail("c").with(func(b *Block) { b.Permanent = true }), jail("d"),
			}},
			says: []string{"fail2ban (b) until 2026-11-22 10:00:00 UTC; one more holds it as well. Stopped"}, not: []string{"(c) permanently", " left. "},
		}, {
			name: "a ban that may stop it", status: checks.Inconclusive, found: []string{"blocked.banned warning likely", exempt},
			s: Subject{Paths: []Path{sip("maybe")}, Blocks: []Block{jail("sip")}}, says: []string{"198.51.100.7 may be blocked by fail2ban (sip)"},
		}, {
			name: "FreePBX's blacklist", o: func(o *Observed) { o.Machine.FreePBX = true }, status: checks.Fail, found: []string{banned, exempt},
			s:    Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("iptables", "freepbx", "-A fpbxblacklist")}},
			says: []string{"by iptables (freepbx)", "Connectivity, Firewall, Blacklist", "fwconsole firewall trust 198.51.100.7"}, not: []string{"responsive firewall"},
		}, {
			name: "FreePBX's responsive firewall", o: func(o *Observed) { o.Machine.FreePBX = true }, status: checks.Fail, found: []string{banned, exempt},
			s:    Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("xt_recent", "freepbx", "198.51.100.7")}},
			says: []string{"responsive firewall counts packets"}, not: []string{"Blacklist"},
		}, {
			name: "a list of recent of somebody else", s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("xt_recent", "", "198.51.100.7")}}, status: checks.Fail, found: []string{banned},
			not: []string{"FreePBX", "responsive"},
		}, {
			name: "a network is banned, and all of it is freed", s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("route", "", "blackhole").with(func(b *Block) { b.Prefix = netip.MustParsePrefix("198.51.100.0/24") })}}, status: checks.Fail, found: []string{banned},
			says: []string{"The ban of route is on 198.51.100.0/24: all of it is freed."},
		}, {
			name: "a rule about a network stays, an accept goes before it", s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{heldBy("iptables", "", "-j DROP").with(func(b *Block) { b.Prefix = netip.MustParsePrefix("198.51.100.0/24") })}}, status: checks.Fail, found: []string{banned},
			not: []string{"all of it is freed"},
		}, {
			name: "an ACL of all that is not the office's", s: Subject{Paths: []Path{sip("accept")}, Blocks: []Block{heldBy("asterisk-acl", "", "deny").with(func(b *Block) { b.Prefix = netip.MustParsePrefix("0.0.0.0/0") })}}, status: checks.Fail, found: []string{banned},
			not: []string{"all of it is freed"},
		}, {
			name: "three phones of one office", s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{jail("sip")}, Phones: []string{"101", "102", "103"}, Roles: []string{"phone 101", "phone 102", "phone 103", "phone 104"}}, status: checks.Fail, found: []string{banned, exempt},
			says: []string{"3 registered phones share this address and are all blocked: 101, 102, 103.", "198.51.100.7 (phone 101, phone 102, phone 103 and 1 more) is blocked"},
		}, {
			name: "one phone", s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{jail("sip")}, Phones: []string{"101"}}, status: checks.Fail, found: []string{banned, exempt}, not: []string{"registered phones share"},
		}, {
			name: "two phones", s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{jail("sip")}, Phones: []string{"101", "102"}}, status: checks.Fail, found: []string{banned, exempt}, says: []string{"2 registered phones"},
		}, {
			name: "the calls of a banned phone go on", status: checks.Fail, found: []string{banned, exempt, goesOn},
			s:    Subject{Paths: []Path{sip("drop").with(established)}, Blocks: []Block{jail("sip")}, Flows: []netinfo.Flow{flow("udp", 33000), flow("udp", 33001), flow("tcp", 33002)}},
			says: []string{"Existing connections continue", "UDP from 198.51.100.7:33000 to port 5060", "UDP from 198.51.100.7:33001 to port 5060", `"commands":["conntrack -D -s 198.51.100.7 -p udp","conntrack -D -s 198.51.100.7 -p tcp"]`, `"choice":true`},
		}, {
			name: "it failed once", status: checks.Fail, found: []string{banned, exempt, "blocked.rearming warning possible"},
			s:    Subject{Paths: []Path{sip("drop")}, Blocks: []Block{jail("sip")}, Failing: &Failing{Count: 1, Last: now}},
			says: []string{"may be banned again: it failed once\"", "The log has one failure, the last at 10:00:00 UTC."}, not: []string{"after the ban began", "one failure within"},
		}, {
			name: "a phone keeps failing", status: checks.Fail, found: []string{banned, exempt, again},
			s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{jail("sip").with(func(b *Block) { b.Reasons = []string{"line 1"} })}, Failing: &Failing{
				Count: 2, SpanS: 1, Last: now, Account: "110", Reason: "wrong password", Lines: []string{"line 1", "line 2"}, SinceBan: 1, Rearms: true,
			}},
			says: []string{"will be banned again: extension 110 keeps failing (wrong password)", "The log has 2 failures within 1 s, the last at 10:00:00 UTC. 1 came after the ban began.", `"name":"log","got":"line 2"`},
		}, {
			name: "what the log says has been shown", status: checks.Fail, found: []string{banned, exempt, "blocked.rearming warning possible"},
			s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{jail("sip").with(func(b *Block) { b.Reasons = []string{"line 1"} })}, Failing: &Failing{
				Count: 3, Last: now, Lines: []string{"line 1"},
			}},
			says: []string{"failed 3 times"}, not: []string{`"name":"log"`},
		}, {
			name: "it failed, and is not banned", s: Subject{Paths: []Path{sip("accept")}, Failing: &Failing{Count: 3, Last: now}}, status: checks.Pass,
		}, {
			name: "it is banned, and no failure is known", s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{jail("sip")}, Failing: &Failing{}}, status: checks.Fail, found: []string{banned, exempt},
		}, {
			name: "it is close to a ban", status: checks.Warn, found: []string{near, exempt},
			s:    Subject{Paths: []Path{sip("accept")}, Near: []Near{{Layer: "fail2ban", Name: "far", Count: 1, Limit: 5, SpanS: 60}, {Layer: "fail2ban", Name: "sip", Count: 4, Limit: 5, SpanS: 600}}},
			says: []string{"198.51.100.7 is close to a ban: 4 of 5 in sip (fail2ban)", "1 more within 10 min and it is blocked", "below 5 within 10 min", "is close to a ban, and nothing exempts it: 4 of 5 in sip (fail2ban)"}, not: []string{"fail2ban far\""},
		}, {
			name: "it was freed of a ban, and would be banned again", status: checks.Warn, found: []string{exempt},
			s: Subject{Paths: []Path{sip("accept")}, Near: []Near{{Layer: "fail2ban", Name: "sip", Count: 5, Limit: 5, SpanS: 600}}}, says: []string{"nothing exempts it: 5 of 5 in sip"},
		}, {
			name: "it is exempt in the jail", s: Subject{Paths: []Path{sip("accept")}, Ignored: []string{"sip"}, Near: []Near{{Layer: "fail2ban", Name: "sip", Count: 5, Limit: 5, SpanS: 600}}}, status: checks.Pass,
		}, {
			name: "it is banned, and close to a ban by another jail", s: Subject{Paths: []Path{sip("drop")}, Blocks: []Block{jail("sip")}, Near: []Near{{Layer: "fail2ban", Name: "other", Count: 4, Limit: 5}}}, status: checks.Fail, found: []string{banned, exempt},
			says: []string{"Nothing keeps 198.51.100.7 from being banned again"},
		}, {
			name: "a list of recent that is half full has no exemption", s: Subject{Paths: []Path{sip("accept")}, Near: []Near{{Layer: "xt_recent", Name: "SIGNALLING", Count: 2, Limit: 4, SpanS: 60}}}, status: checks.Warn, found: []string{near},
		}, {
			name: "a jail of another service", s: Subject{Paths: []Path{sip("accept")}, Blocks: []Block{jail("sshd").with(idle), jail("sshd").with(idle), jail("http").with(idle)}}, status: checks.Pass, found: []string{idleBan},
			says: []string{"A ban on 198.51.100.7 has no effect on SIP or RTP: fail2ban (http), fail2ban (sshd)\"", "it stands elsewhere"}, not: []string{"DOCKER", "FORWARD", "(it stands elsewhere)"},
		}, {
			name: "a ban of which nothing is known", s: Subject{Paths: []Path{sip("accept")}, Blocks: []Block{jail("sip").with(func(b *Block) { b.Effective = false })}}, status: checks.Pass, found: []string{idleBan},
			says: []string{`"got":"jail sip: 198.51.100.7"`},
		}, {
			name: "a ban that stands in INPUT, of a PBX in a container", s: Subject{Paths: []Path{sip("accept").with(onward)}, Blocks: []Block{heldBy("iptables", "", "x").with(idle).with(func(b *Block) { b.Misplaced = true })}}, status: checks.Warn, found: []string{"blocked.ineffective warning certain"},
			says: []string{"must be in FORWARD", "has no effect on SIP or RTP: iptables (it stands elsewhere)", "is let in on UDP 5060 (forwarded to 172.17.0.2 port 5060)"},
		}, {
			name: "the same with Docker's chain", o: func(o *Observed) { o.Machine.Docker = true }, s: Subject{Paths: []Path{sip("accept").with(onward)}, Blocks: []Block{heldBy("iptables", "", "x").with(idle).with(func(b *Block) { b.Misplaced = true })}}, status: checks.Warn, found: []string{"blocked.ineffective warning certain"},
			says: []string{"must be in DOCKER-USER"},
		}, {
			name: "a ban of another port, of a PBX in a container", s: Subject{Paths: []Path{sip("accept").with(onward)}, Blocks: []Block{heldBy("iptables", "", "x").with(idle)}}, status: checks.Pass, found: []string{idleBan}, not: []string{"must be in"},
		}, {
			name: "SIP is redirected to where nothing listens", s: Subject{At: at("192.0.2.1"), Paths: []Path{tls("accept"), sip("accept").with(dead)}}, status: checks.Fail, found: []string{nowhere},
			says: []string{"UDP 5060 is redirected to port 5160, where nothing listens", "nothing on port 5160, sent there by the redirect"}, not: []string{`"name":"TCP 5061"`},
		}, {
			name: "at another own address it is redirected to where nothing listens", s: Subject{At: at("192.0.2.1", "192.0.2.5"), Paths: []Path{sip("accept").with(to("192.0.2.1")), sip("accept").with(dead).with(to("192.0.2.5"))}}, status: checks.Pass,
		}, {
			name: "at the first own address it is redirected to where nothing listens", s: Subject{At: at("192.0.2.5", "192.0.2.1"), Paths: []Path{sip("accept").with(to("192.0.2.1")), sip("accept").with(dead).with(to("192.0.2.5"))}}, status: checks.Fail, found: []string{nowhere, "blocked.by-address warning certain"},
		}, {
			name: "it is let in at one own address, and not at another", status: checks.Pass, found: []string{other},
			s:    Subject{At: at("192.0.2.1", "192.0.2.5"), Paths: []Path{sip("accept").with(to("192.0.2.1")), tls("drop").with(to("192.0.2.1")).with(everyone), sip("drop").with(to("192.0.2.5"))}},
			says: []string{"is let in on UDP 5060 at 192.0.2.1\"", "198.51.100.7 is not let in on UDP 5060 at 192.0.2.5"},
		}, {
			name: "TCP is stopped at the first own address and UDP at the second", status: checks.Pass, found: []string{other},
			s:    Subject{At: at("192.0.2.1", "192.0.2.5"), Paths: []Path{way("tcp", "5060", purposeSIP, "drop").with(to("192.0.2.1")).with(everyone), sip("accept").with(to("192.0.2.1")), sip("drop").with(to("192.0.2.5"))}},
			says: []string{"198.51.100.7 is not let in on UDP 5060 at 192.0.2.5"},
		}, {
			name: "the answers are stopped at the first own address, SIP at the second", status: checks.Pass, found: []string{other},
			s:    Subject{At: at("192.0.2.1", "192.0.2.5"), Paths: []Path{sip("accept").with(to("192.0.2.1")), sip("drop").with(to("192.0.2.1")).with(answers).with(everyone).with(established), sip("drop").with(to("192.0.2.5"))}},
			says: []string{"198.51.100.7 is not let in on UDP 5060 at 192.0.2.5"},
		}, {
			name: "it is let in at the second own address alone", status: checks.Warn, found: []string{"blocked.by-address warning certain", other},
			s:    Subject{At: at("192.0.2.1", "192.0.2.5"), Paths: []Path{sip("drop").with(to("192.0.2.1")), sip("accept").with(to("192.0.2.5"))}},
			says: []string{"198.51.100.7 is let in at 192.0.2.5 but not at 192.0.2.1", "Stopped: UDP 5060 at 192.0.2.1.", "198.51.100.7 is let in on UDP 5060 at 192.0.2.5"},
		}, {
			name: "it is let in at neither", status: checks.Fail, found: []string{notLetIn},
			s:    Subject{At: at("192.0.2.1", "192.0.2.5"), Paths: []Path{sip("drop").with(to("192.0.2.1")), sip("reject").with(to("192.0.2.5"))}},
			says: []string{"198.51.100.7 is blocked at 192.0.2.1 by the firewall"},
		}, {
			name: "two own addresses that fare the same, and a third that does not", status: checks.Pass, found: []string{other},
			s:    Subject{At: at("192.0.2.1", "192.0.2.5"), Paths: []Path{sip("accept")}, Elsewhere: []Path{sip("drop").with(to("10.99.0.1"))}},
			says: []string{"198.51.100.7 is let in on UDP 5060\"", "is not let in on UDP 5060 at 10.99.0.1"},
		}, {
			name: "one own address, and another that fares differently", status: checks.Pass, found: []string{other},
			s:    Subject{At: at("192.0.2.1"), Paths: []Path{sip("accept")}, Elsewhere: []Path{sip("drop").with(to("10.99.0.1")), sip("maybe").with(to("10.99.0.2"))}},
			says: []string{"198.51.100.7 is let in on UDP 5060 at 192.0.2.1\""},
		}, {
			name: "another own address of which it is not known", s: Subject{At: at("192.0.2.1"), Paths: []Path{sip("accept")}, Elsewhere: []Path{sip("maybe").with(to("10.99.0.1"))}}, status: checks.Pass,
		}, {
			name: "seven ports are stopped", status: checks.Fail, found: []string{notLetIn},
			s: Subject{Paths: []Path{
				way("udp", "5060", purposeSIP, "drop"), way("udp", "5060", purposeSIP, "drop"), way("udp", "1", purposeSIP, "drop"), way("udp", "2", purposeSIP, "drop"), way("udp", "3", purposeSIP, "drop"),
				way("udp", "4", purposeSIP, "drop"), way("udp", "6", purposeSIP, "drop"), way("udp", "7", purposeSIP, "drop"),
			}},
			says: []string{"UDP 5060, UDP 1, UDP 2, UDP 3, UDP 4, UDP 6 and 1 more", `"name":"UDP 5060, UDP 1, UDP 2, UDP 3, UDP 4, UDP 6, UDP 7"`},
		}, {
			name: "firewalld", o: func(o *Observed) { o.Machine.FirewallD = true }, s: Subject{Paths: []Path{sip("drop"), rtp("drop")}}, status: checks.Fail, found: []string{notLetIn},
			says: []string{"firewall-cmd", `port=\"10000-20000\"`}, not: []string{"ufw", "csf", "fwconsole"},
		}, {
			name: "ufw writes ranges with a colon", o: func(o *Observed) { o.Machine.UFW = true }, s: Subject{Paths: []Path{sip("drop"), rtp("drop"), tls("accept"), sip("drop").with(answers)}}, status: checks.Fail, found: []string{notLetIn},
			says: []string{"ufw ", "10000:20000"}, not: []string{"firewall-cmd", "port 5061"},
		}, {
			name: "ufw would open all own addresses", o: func(o *Observed) { o.Machine.UFW = true }, s: Subject{At: at("192.0.2.1", "192.0.2.5"), Paths: []Path{sip("drop").with(to("192.0.2.1")), sip("drop").with(to("192.0.2.5"))}}, status: checks.Fail, found: []string{notLetIn},
			not: []string{`"ufw `},
		}, {
			name: "csf lets it in", o: func(o *Observed) { o.Machine.CSF = true }, s: Subject{Paths: []Path{sip("drop")}}, status: checks.Fail, found: []string{notLetIn}, says: []string{"csf -a 198.51.100.7"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !tt.s.Address.IsValid() {
				tt.s.Address = netip.MustParsePrefix("198.51.100.7/32")
			}
			o := Observed{Subjects: []Subject{tt.s}, Root: true, When: now}
			if tt.o != nil {
				tt.o(&o)
			}
			wantSaid(t, o, tt.status, tt.found, tt.says, tt.not)
		})
	}
}

func wantSaid(t *testing.T, o Observed, status checks.Status, found, says, not []string) {
	t.Helper()
	r := judged.Of(t, Check(), o, &netinfo.Host{})
	r.Observed, r.Facts, r.Says = nil, nil, checks.Says{}
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Args = nil
		for k := range f.Evidence {
			f.Evidence[k].Says = nil
		}
		for k := range f.Fixes {
			f.Fixes[k].Args = nil
		}
	}
	text := said(t, r)
	if r.Status != status {
		t.Errorf("it is %s, not %s: %s", r.Status, status, text)
	}
	var got []string
	for _, f := range r.Findings {
		got = append(got, fmt.Sprintf("%s %s %s", f.ID, f.Severity, f.Confidence))
	}
	if fmt.Sprint(got) != fmt.Sprint(found) {
		t.Errorf("it finds %q, not %q", got, found)
	}
	for _, w := range says {
		if !strings.Contains(text, w) {
			t.Errorf("nothing says %q: %s", w, text)
		}
	}
	for _, w := range not {
		if strings.Contains(text, w) {
			t.Errorf("it says %q: %s", w, text)
		}
	}
}

// said is a result as JSON, with the signs that HTML has for itself as they are.
func said(t *testing.T, r checks.Result) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Of several addresses the one that fares worst is told of first, and of all how
// many fare badly.
func TestWhatIsSaidOfSeveralAddresses(t *testing.T) {
	subject := func(address string, paths ...Path) Subject {
		return Subject{Address: netip.MustParsePrefix(address + "/32"), Paths: paths}
	}
	good, bad := subject("198.51.100.1", sip("accept")), subject("198.51.100.2", sip("drop"))
	partly, unclear := subject("198.51.100.3", sip("drop"), tls("accept")), subject("198.51.100.4", sip("maybe"))
	const notLetIn = "blocked.not-let-in critical certain"
	for _, tt := range []struct {
		name   string
		list   []Subject
		status checks.Status
		found  []string
		says   string
		first  string // of the facts
	}{
		{"none", nil, checks.Skip, nil, "no address to ask about", ""},
		{"both are let in", []Subject{good, good}, checks.Pass, nil, "all 2 addresses that matter are let in", "198.51.100.1"},
		{"one is not known", []Subject{good, unclear}, checks.Inconclusive, nil, "2 addresses that matter, none known to be blocked", "198.51.100.4"},
		{"one is blocked", []Subject{good, bad, unclear}, checks.Fail, []string{notLetIn}, "1 of 3 addresses that matter is blocked: 198.51.100.2\"", "198.51.100.2"},
		{"one is let in on some ports", []Subject{unclear, partly, good}, checks.Fail, []string{notLetIn}, "1 of 3 addresses that matter is blocked: 198.51.100.3\"", "198.51.100.3"},
		{"blocked comes before partly", []Subject{partly, bad}, checks.Fail, []string{notLetIn, notLetIn}, "2 of 2 addresses that matter are blocked: 198.51.100.2, 198.51.100.3\"", "198.51.100.2"},
		{"three are named", []Subject{bad, bad, partly, bad}, checks.Fail, []string{notLetIn, notLetIn, notLetIn, notLetIn}, "blocked: 198.51.100.2, 198.51.100.2, 198.51.100.2 and 1 more", "198.51.100.2"},
		{"what is not read of another counts not for this one", []Subject{{Address: good.Address, Unread: "IPv6 is cut off", Paths: []Path{sip("drop")}}, unclear}, checks.Fail, []string{notLetIn}, "the packet filter could not be read\"", "198.51.100.1"},
		{"a warning stands after what is critical", []Subject{subject("198.51.100.5", sip("accept"), rtp("drop")), bad}, checks.Fail, []string{notLetIn, "blocked.not-let-in warning certain"}, "2 of 2", "198.51.100.2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := Observed{Subjects: tt.list, Root: true, When: now, Notes: nil}
			wantSaid(t, o, tt.status, tt.found, []string{tt.says}, nil)
			j := judge(o, nil)
			if !j.Headline.IsZero() && strings.TrimPrefix(j.Headline.ID, "blocked.headline.") != strings.TrimPrefix(j.Summary.ID, "blocked.summary.") {
				t.Errorf("the first line is %s, the summary %s", j.Headline.ID, j.Summary.ID)
			}
			if f := j.Facts.(Facts); f.Address != tt.first || (len(f.Addresses) > 0) != (len(tt.list) > 1) {
				t.Errorf("the facts begin with %q: %+v", f.Address, f)
			}
		})
	}
}
