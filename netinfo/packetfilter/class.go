package packetfilter

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Protocol numbers of the transports that classes are usually made of.
const (
	ICMP   = 1
	TCP    = 6
	UDP    = 17
	SCTP   = 132
	ICMPv6 = 58
)

// Class is a class of packets: all that fit what it says.
type Class struct {
	Protocol uint8          // of the transport
	Src      []netip.Prefix // sources, of one family; empty: any of the family of Dst
	// Dst are the destinations. Empty means Local with hook input, or, if that
	// is empty too, an address of this machine that is not known; any address
	// with other hooks.
	Dst      []netip.Prefix
	IPv6     bool   // the family when neither Src nor Dst says
	SrcPorts NumSet // empty: any
	DstPorts NumSet // empty: any

	// Hook is where the packets go: HookInput (to this machine; also when
	// empty), HookForward or HookOutput. A packet for this machine whose
	// destination is rewritten to another's continues as forwarded.
	Hook HookName

	In  string // interface it comes in by; empty: not known, but not the loopback unless Src is this machine's
	Out string // interface it leaves by; empty: not known

	// State is StateNew (also when 0), StateEstablished, StateRelated or
	// StateInvalid: what connection tracking makes of the packet. A new TCP
	// packet is a SYN, an established one an ordinary segment with ACK.
	State Num

	ICMPType, ICMPCode uint8  // 0, 0 means an echo request of the family
	Mark               uint32 // on arrival

	// CtMark is the connection's mark when CtMarkKnown. A new connection has
	// mark 0 in any case.
	CtMark      uint32
	CtMarkKnown bool

	// Fragments: the packets come in pieces, and all have to arrive.
	Fragments bool

	// Ignore are rules that are passed over: what would happen without them.
	Ignore map[*Rule]bool
	// Exceeded is a limit that the source has used up; nil: none.
	Exceeded *Metered

	// NATRules asks for Outcome.SourceBy and DestBy: packets that other rules
	// translate alike are then told apart.
	NATRules bool

	// Local are this machine's addresses, as far as they are known; loopback
	// addresses are local anyway.
	Local []netip.Addr
	// Host is what the kernel asks besides the rules; nil: nothing of it is known.
	Host *Host
}

// Decision is what becomes of packets.
type Decision string

const (
	Accepted Decision = "accept"
	Dropped  Decision = "drop"
	Rejected Decision = "reject"
	Maybe    Decision = "maybe" // it depends on something that the rules alone do not decide
)

// Result is what Evaluate found: outcomes whose regions partition the class.
type Result struct {
	Outcomes []Outcome
}

// Outcome is what becomes of one part of a class.
type Outcome struct {
	Region  Region
	Verdict Decision
	With    string // of a reject: icmp-port-unreachable, tcp-reset …
	// Decider is the rule or policy that decided. Of a maybe, the one that
	// decides if every unknown match goes against the packet, as far as that
	// is known.
	Decider Step
	// Possible are the verdicts a maybe can come to, and Others the other rules
	// that can decide, also of a definite verdict that is reached in several
	// ways.
	Possible []Decision
	Others   []Step
	Trace    []Step         // matched rules, jumps and policies on the way to Decider, in order
	Reasons  []words.Reason // of a maybe: what is not known
	Helpers  []string       // connection tracking helpers the packet was given to
	// To is where the packet goes after destination NAT, as far as it was
	// rewritten; empty sets mean it was not.
	ToAddrs AddrSet
	ToPorts NumSet
	// Onward reports that the packet is sent on to another machine, and Out by
	// which interface, where the routes tell.
	Onward bool
	Out    string
	// Moved reports that source NAT gives it another source port, even where its
	// own is free.
	Moved bool
	// SourceBy and DestBy are the rules that translate its source and destination;
	// Rule is nil if none does, and Assumed is set if that is not certain. See
	// Class.NATRules.
	SourceBy, DestBy Step
}

// Region is a part of a class, in the addresses and ports that packets have
// when they arrive: every source in Src with every destination in Dst and so
// on. For protocols without ports both port sets are 0.
type Region struct {
	Src, Dst         AddrSet
	SrcPort, DstPort NumSet
}

// Step is one thing that happened to a packet on its way.
type Step struct {
	Chain *Chain
	Rule  *Rule  // nil: the policy of Chain
	What  string // accept, drop, reject, jump, goto, return, effect, policy, queue
	// Why is what stopped the packet besides the rules; Chain is nil then.
	Why words.Reason
	// Assumed says that the rule was taken to match though that is not known.
	Assumed bool
}
