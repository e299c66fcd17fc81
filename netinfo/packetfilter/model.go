// Package packetfilter answers "which packets does this machine let in, and by
// which rule" by evaluating the rules that are loaded, not by searching them
// for an address. Front ends read what iptables, nft and ipset list, and the
// configuration of a MikroTik router; New puts
// the parts together; Ruleset.Evaluate takes a class of packets through them.
// Everything is a pure function of bytes and runs on every system.
package packetfilter

import (
	"iter"
	"net/netip"
	"strconv"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Ruleset is all packet filter state of one machine, put together by New. It
// does not change afterwards and may be used concurrently.
type Ruleset struct {
	Tables []*Table
	Sets   []*Set                  // ipsets; those of nft are in their tables
	Recent map[string]*RecentTable // by name
	Hashes map[string]*HashTable   // of hashlimit, by family and name: "ip sip"
	Faults []Fault                 // what could not be read, and why
	// Listings are what Load and Parse made all this of; nil when TooLong, that
	// is longer than MaxListings.
	Listings []Listing
	TooLong  bool

	chains map[hookKey][]*Chain // base chains in the order the kernel asks them
	ipsets map[string]*Set
	users  map[*Set][]Step // rules that ask a set
	// anonymous are the sets that stand in rules.
	anonymous []*Set
	ctMarks   bool      // some rule sets a connection mark
	tracks    bool      // some rule needs connection tracking
	dests     []AddrSet // destinations that rules name
}

// Rules yields every rule with its chain, table by table.
func (r *Ruleset) Rules() iter.Seq2[*Chain, *Rule] {
	return func(yield func(*Chain, *Rule) bool) {
		for _, t := range r.Tables {
			for _, c := range t.Chains {
				for _, rule := range c.Rules {
					if !yield(c, rule) {
						return
					}
				}
			}
		}
	}
}

// Parts are what front ends made of one listing or of several.
type Parts struct {
	Tables []*Table
	Sets   []*Set
	Recent []*RecentTable
	Hashes []*HashTable
	Faults []Fault
	// Unread is why the listing is not one, or not a whole one: what it does not
	// show may be loaded all the same. Empty: it is whole.
	Unread words.Reason
}

// Fault is something in a listing that could not be read. What stands around
// it was.
type Fault struct {
	Tool string // program whose listing it is
	Line int    // 1-based; 0 when it is about the whole listing
	Why  words.Reason
}

// Reason names the place of a fault and what is wrong there.
func (f Fault) Reason() words.Reason {
	return f.Why.In("packetfilter.fault", "why", "tool", f.Tool, "line", strconv.Itoa(f.Line))
}

// TableFamily says which packets a table sees, in the words of nft.
type TableFamily string

const (
	FamilyIP     TableFamily = "ip"
	FamilyIP6    TableFamily = "ip6"
	FamilyInet   TableFamily = "inet" // both
	FamilyBridge TableFamily = "bridge"
	FamilyNetdev TableFamily = "netdev"
)

// The tools a table can come from: the names of the programs that list and
// change it.
const (
	ToolIPTablesLegacy  = "iptables-legacy"
	ToolIPTablesNFT     = "iptables-nft"
	ToolIP6TablesLegacy = "ip6tables-legacy"
	ToolIP6TablesNFT    = "ip6tables-nft"
	ToolNFT             = "nft"
	ToolIPSet           = "ipset"
	ToolRouterOS        = "routeros"
)

// Table is one table of one tool. A packet meets the tables of all tools: an
// accept in one of them does not save it from a drop in another.
type Table struct {
	Tool   string // one of the Tool constants, or "iptables", "ip6tables" when it is not known which
	Family TableFamily
	Name   string
	Chains []*Chain
	Sets   map[string]*Set // of nft tables: named sets and maps

	byName map[string]*Chain
}

// HookName is a place in the kernel where packets are filtered.
type HookName string

const (
	HookIngress     HookName = "ingress" // netdev and inet tables, per interface
	HookPrerouting  HookName = "prerouting"
	HookInput       HookName = "input"
	HookForward     HookName = "forward"
	HookOutput      HookName = "output"
	HookPostrouting HookName = "postrouting"
	HookEgress      HookName = "egress" // netdev tables, per interface
)

// The priorities that matter (include/uapi/linux/netfilter_ipv4.h).
const (
	priorityRaw       = -300
	priorityConntrack = -200 // connection state is known after this
	priorityMangle    = -150
	priorityDNAT      = -100
	priorityFilter    = 0
	prioritySecurity  = 50
	prioritySNAT      = 100
)

// Base makes a chain a base chain: the kernel itself sends packets to it.
type Base struct {
	Type     string // filter, nat, route
	Hook     HookName
	Priority int      // lower is asked first
	Devices  []string // of ingress and egress
	// AnyDevice reports that the listing does not say on which interface an
	// ingress or egress chain acts.
	AnyDevice bool
	Policy    VerdictKind
}

// Chain is a list of rules.
type Chain struct {
	Name  string
	Base  *Base // nil: a user chain, reached by jumps
	Rules []*Rule
	// Incomplete reports that rules may be missing, as after a truncated
	// listing. What falls off the end of such a chain is then not certain.
	Incomplete bool

	table *Table
	runs  []*sourceRun
}

// Table is the table the chain is in; nil before New.
func (c *Chain) Table() *Table { return c.table }

// Rule is one rule: its expressions are carried out in order until one does
// not match or a verdict is reached. A rule of iptables is matches and one
// target; nft mixes them.
type Rule struct {
	Text     string // as the tool lists it; of iptables without counters
	Position int    // 1-based number in its chain, as iptables -I and -D count
	Handle   uint64 // of nft; 0 when not listed
	Comment  string
	odd      bool // a text in it cannot be written in nft's language
	exact    bool // Text is how nft words it, in every version
	Exprs    []Expr
}

// Expr is one expression of a rule: a match (*Match, *Lookup, *RecentMatch,
// *Unknown), an effect (*SetMark, *NoTrack, *Update, *Helper, *Note, *NAT
// outside nat chains …) or a verdict (*Verdict, *VerdictMap, *NAT).
type Expr interface{ expr() }

// Field is something about a packet that a rule can ask for.
type Field uint8

// The fields. Addresses are compared with Match.Addrs, interfaces with
// Match.Names, all others with Match.Nums.
const (
	FieldNone          Field = iota
	FieldSrc                 // source address
	FieldDst                 // destination address
	FieldSrcPort             // also of SCTP, DCCP, UDPLITE; no match for protocols without ports
	FieldDstPort             //
	FieldProtocol            // of the transport: 6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6
	FieldFamily              // 2 IPv4, 10 IPv6
	FieldIn                  // name of the interface the packet came in by
	FieldOut                 // name of the interface it leaves by
	FieldMark                // packet mark
	FieldCtMark              // connection mark; never matches a packet without a connection, not even negated
	FieldCtState             // one of the State bits; use Mask for "any of"
	FieldCtDirection         // 0 original, 1 reply
	FieldCtOrigSrc           // as FieldSrc, of the connection's first packet as it arrived
	FieldCtOrigDst           //
	FieldCtOrigSrcPort       //
	FieldCtOrigDstPort       //
	FieldCtProtocol          // protocol of the connection
	FieldICMPType            // of ICMP and ICMPv6; no match for other protocols
	FieldICMPCode            //
	FieldICMPTypeCode        // type * 256 + code
	FieldPktType             // 0 to this host, 1 broadcast, 2 multicast, 3 to another host (linux/if_packet.h)
	FieldSrcType             // address type: 1 unicast, 2 local, 3 broadcast, 5 multicast (linux/rtnetlink.h, RTN_)
	FieldDstType             //
	FieldTCPFlags            // FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32
	FieldFragment            // 1 for a second or later fragment
	FieldWayBack             // 1 if the way back to the source leads out of the interface the packet came in by (rpfilter, fib)
	FieldWayBackAny          // 1 if there is a way back to the source
	FieldDstTypeIn           // as FieldDstType, of the addresses of the interface the packet came in by
	FieldIPsec               // 1 if the packet came through IPsec
	FieldMAC                 // hardware address of the sender: never known
	FieldOther               // any other thing that is not known of a class
)

// The bits of FieldCtState. A packet has one of the first five, and may have
// the last two besides.
const (
	StateInvalid     Num = 1 << 0
	StateEstablished Num = 1 << 1
	StateRelated     Num = 1 << 2
	StateNew         Num = 1 << 3
	StateUntracked   Num = 1 << 6
	StateSNAT        Num = 1 << 7 // the connection's source is rewritten
	StateDNAT        Num = 1 << 8 // the connection's destination is rewritten
)

// Match compares one field with values: it matches if the field, or the field
// Or, is among them.
type Match struct {
	Field Field
	Or    Field // FieldNone, or a second field that will do as well (multiport --ports)
	Not   bool
	Mask  uint32 // of numbers: bits that are compared; 0 means all
	Addrs AddrSet
	Nums  NumSet
	Names []string // interface names; one that ends in + or * is a prefix
}

// AnyBit is the set for "one of the bits in Match.Mask is set".
func AnyBit() NumSet { return NumSet{{1, 1<<32 - 1}} }

// OneNum is the set of one number.
func OneNum(n Num) NumSet { return NumSet{{n, n}} }

// SetUse is a set and what of the packet is compared with it. A front end gives
// Set, or Name for New to find: among the sets of the rule's table for nft, among
// the ipsets for iptables.
type SetUse struct {
	Set    *Set
	Name   string
	Fields []Field // one for each of Set.Kinds; of ipset made by New from Dirs
	Dirs   []Dir   // of ipset: src,dst
}

func (u *SetUse) setUse() *SetUse { return u }

// Lookup asks whether the packet is in a set.
type Lookup struct {
	SetUse
	Not bool
	// ReturnNoMatch matches the set's exceptions instead of its elements
	// (--return-nomatch).
	ReturnNoMatch bool
	// Extra names a further condition that is not known, such as counters of
	// the element; a hit is then a maybe.
	Extra string
}

// Dir is the direction a dimension of an ipset is compared with.
type Dir uint8

const (
	DirSrc Dir = iota
	DirDst
)

// Unknown is a match whose result does not follow from the rules: it may match
// or not.
type Unknown struct {
	What string // as the tool words it: limit --limit 6/sec
	// Key is the same for matches that say the same of one packet whenever they
	// are asked, such as a country or a text in the packet; empty when each
	// asking is its own chance, as with limits.
	Key string
	Not bool // with Key: the rule asks for the contrary
}

// Expected is a match of the helper that expected the connection (helper,
// ct helper). What begins a conversation of its own was not expected.
type Expected struct {
	What   string
	Not    bool
	Breaks bool // without a helper the rule ends, whatever Not says (nft)
}

// Metered is a limit that each source, or whatever is counted apart, has for
// itself. A source that is not in its list yet is below it; how far the others are
// is not known.
type Metered struct {
	What   string
	Over   bool   // it matches what is above the limit
	SetUse        // of nft
	Hash   string // name of the hashlimit that counts; its buckets say how far each source is
	// By are the fields a hashlimit counts apart, and Burst how many packets it lets
	// each send at once.
	By    []Field
	Burst uint64
	// Most is a limit on connections that exist (connlimit, ct count). Of all that
	// the machine has, no more than that can be one source's.
	Most uint64
}

// Never is a match that matches no packet; Not, every one.
type Never struct{ Not bool }

// SetMark changes a mark: To = (To & Keep) ^ (From & FromMask) ^ Xor. With
// Unknown not empty, the expression that sets it, the new bits outside Keep are
// not known.
type SetMark struct {
	To       Field // FieldMark or FieldCtMark
	Keep     uint32
	From     Field // FieldMark, FieldCtMark or FieldNone
	FromMask uint32
	Xor      uint32
	Unknown  string
}

// NoTrack takes the packet out of connection tracking, if it is not too late
// (raw NOTRACK, CT --notrack, nft notrack).
type NoTrack struct{}

// Helper hands the connection to a helper of the kernel's connection tracking,
// such as "sip".
type Helper struct{ Name string }

// Update puts the packet into a set or takes it out (SET target, nft add,
// update, delete).
type Update struct {
	SetUse
	Delete bool
}

// Note is an effect without bearing on the packet's fate: log, counter, TEE,
// a change of TTL or MSS.
type Note struct{ What string }

// NATKind is a kind of address translation.
type NATKind string

// The kinds. All but tproxy end a nat chain as accept does.
const (
	DNAT       NATKind = "dnat"
	Redirect   NATKind = "redirect"
	SNAT       NATKind = "snat"
	Masquerade NATKind = "masquerade"
	TProxy     NATKind = "tproxy"
)

// NAT rewrites addresses or ports. Addrs and Ports are what the new ones are
// taken from; nil leaves the old. It is also the verdict accept.
type NAT struct {
	Kind  NATKind
	Addrs AddrSet
	Ports NumSet
	// Random reports that each connection gets another port.
	Random bool
	// Network is where each address keeps its last bits and takes its first from
	// (NETMAP); invalid for all others.
	Network netip.Prefix
	// Unknown reports that Addrs and Ports do not tell the new address or port, as
	// with maps.
	Unknown bool
}

// VerdictKind is what a rule or policy does with a packet.
type VerdictKind uint8

const (
	Accept   VerdictKind = iota + 1
	Drop                 //
	Reject               // Verdict.With says with what
	Return               //
	Jump                 //
	Goto                 //
	Continue             // on to the next expression or rule
	Queue                // a program decides
	Stolen               // what becomes of it is not known; With is the target or statement
)

// Verdict ends a rule.
type Verdict struct {
	Kind  VerdictKind
	Chain string // of Jump and Goto
	With  string // of Reject: icmp-port-unreachable, tcp-reset …; of Drop, a name other than DROP: TARPIT; of Queue and Stolen, the target

	target *Chain
}

// VerdictMap looks the packet up in a map whose elements are verdicts. Without
// a hit the rule does not match.
type VerdictMap struct{ SetUse }

func (*Match) expr()       {}
func (*Lookup) expr()      {}
func (*Unknown) expr()     {}
func (*Never) expr()       {}
func (*Expected) expr()    {}
func (*Metered) expr()     {}
func (*RecentMatch) expr() {}
func (*SetMark) expr()     {}
func (*NoTrack) expr()     {}
func (*Helper) expr()      {}
func (*Update) expr()      {}
func (*Note) expr()        {}
func (*NAT) expr()         {}
func (*Verdict) expr()     {}
func (*VerdictMap) expr()  {}

// Kind is what one dimension of a set holds.
type Kind uint8

// The kinds; KindOther never compares.
const (
	KindAddr  Kind = iota // Value.Addr
	KindNum               // Value.Num: ports, protocols, marks, states
	KindName              // Value.Name: interfaces
	KindOther             // hardware addresses and the like
)

// Set is a named or anonymous set, or a map.
type Set struct {
	Tool     string // ipset or nft
	Family   TableFamily
	Table    string // of nft
	Name     string // empty when anonymous
	Type     string // as listed: hash:ip,port; ipv4_addr . inet_service
	Kinds    []Kind // one for each of Element.Values
	Elements []Element
	Members  []string // of list:set: names of other ipsets
	Verdicts bool     // a map to verdicts
	Data     bool     // a map to other values
	Timeouts bool     // elements may go away by themselves
	// Incomplete says why elements may be missing; empty when all are there.
	Incomplete words.Reason
	Default    time.Duration // timeout of elements that name none; 0 means they stay

	members []*Set
	index   setIndex
}

// Element is one element of a set.
type Element struct {
	Values  []Value       // one for each of Set.Kinds
	NoMatch bool          // an exception
	Timeout time.Duration // left when it was listed; 0 when it stays
	Comment string
	Text    string   // as the tool writes the element alone, for its delete command
	Verdict *Verdict // of a verdict map
	Data    Value    // of another map
}

// Value is a range of values in one dimension of a set: the field that the
// set's Kind names counts.
type Value struct {
	Addr Span[netip.Addr]
	Num  Span[Num]
	Name string // one that ends in * is a prefix
	Any  bool   // whatever the packet has
}
