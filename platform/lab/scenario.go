// Package lab builds an office, its routers and the Internet behind them out
// of Linux network namespaces: real kernel NAT, packet filters and SIP ALG,
// without root and without a link to the host's network. The scenarios are
// data, so that checks/checktest can build the same office in memory where
// namespaces are forbidden or do not exist.
package lab

// A Scenario is an office to be checked: the routers between the phone and the
// Internet, from the office outwards.
//
// Addresses are the same in every scenario:
//
//	office LAN   192.168.88.0/24   the phone (where check runs) is .10, the router .1
//	Internet     198.51.100.0/24   responder .2 and .3, a plain SIP server .20, a second STUN server .30
//	router WAN   203.0.113.1 (203.0.113.0/24), or 100.64.0.10 behind a carrier's NAT
//
// Without NAT the office LAN is routed on the Internet side.
type Scenario struct {
	Name    string   // argument of "sipdoctor lab", kebab-case
	Title   string   // one line for the list
	Story   string   // what happens in this office, in a user's words
	Routers []Router // from the office outwards; at least one
	// Inbound is what the phone's box is a PBX for: its RTP ports, "10000-20000",
	// which check is then to test from outside; empty: it is no PBX.
	Inbound string
	// ControlPort is where the responder's control channel listens; 0 is its
	// usual port.
	ControlPort int
	// DelayMS is the one-way delay between office and Internet, milliseconds.
	DelayMS int
	Expect  Expect
}

// Router is one box on the way.
type Router struct {
	NAT         NAT
	ALG         []ALG   // the SIP helper's attachment points
	Block       []Block // what its filter drops on the way out
	LossPercent int     // of all forwarded UDP packets, each way, at random
	// Stateful drops what comes from outside unless it belongs to a flow from
	// inside or is expected by a helper. NAT routers always behave so.
	Stateful bool
	// UDPTimeoutS is how long the router remembers a silent UDP flow, of either
	// kind, in seconds; 0 leaves the kernel's 30 and 120 s.
	UDPTimeoutS   int
	DropFragments bool // it drops IP fragments, both ways
	ClearDSCP     bool // it clears the DSCP of all it forwards, both ways
	// FlowLimit is how many connections from the office the router can hold;
	// new ones beyond that are dropped. 0 is no limit but the kernel's.
	FlowLimit int
	Forward   []Forward // port forwardings from outside; the first that matches counts
}

// Forward sends UDP that arrives from outside on ports of the router to a box
// inside.
type Forward struct {
	Port, LastPort int    // as they arrive; LastPort 0: Port alone
	To             string // inside address
	ToPort         int    // where all of them go; 0: to the port they came for
}

// NAT is a router's address translation.
type NAT string

// The kinds: none routes; Preserving is Linux masquerade (endpoint-independent
// mapping in practice, port preserved, address- and port-dependent filtering);
// Random gives every flow a random port (address- and port-dependent mapping).
const (
	NoNAT      NAT = "none"
	Preserving NAT = "port-preserving"
	Random     NAT = "random-ports"
)

// ALG attaches the SIP helper to a destination port.
type ALG struct {
	Protocol string // "udp" or "tcp"
	Port     int
}

// Block drops traffic to the Internet. Zero fields match everything.
type Block struct {
	Protocol string // "udp", "tcp" or "" for both
	Port     int    // destination port
	LastPort int    // the end of a range that begins with Port; 0: Port alone
	Return   bool   // instead, drop what comes back from these ports
	SIP      bool   // only payload that begins like a SIP request (content inspection)
}

// Expect is what the report of a check in this office must say.
type Expect struct {
	BehindNAT  bool
	Mapping    string // "" when not asserted
	CGNAT      bool
	NATLayers  int    // 0: not asserted
	SIPALG     string // facts.verdict of sip-alg with a responder
	Findings   []string
	ExitStatus int
}

// Addresses of every scenario.
const (
	PhoneAddr      = "192.168.88.10"
	RouterAddr     = "192.168.88.1"
	WANAddr        = "203.0.113.1"
	CGNAddr        = "100.64.0.10"
	ResponderAddr  = "198.51.100.2"
	ResponderAddr2 = "198.51.100.3"
	SIPServerAddr  = "198.51.100.20"
	STUNServerAddr = "198.51.100.30"
)

// Scenarios returns every office, in the order of the list.
func Scenarios() []Scenario {
	office := func(r Router) []Router { return []Router{r} }
	return []Scenario{
		{
			Name: "clean", Title: "an ordinary NAT router without a SIP ALG",
			Story:   "The router only translates addresses. Everything should pass.",
			Routers: office(Router{NAT: Preserving}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", NATLayers: 1, SIPALG: "none", ExitStatus: 0},
		},
		{
			Name: "sip-alg", Title: "a SIP ALG on UDP port 5060, as most routers ship it",
			Story:   "The router rewrites every SIP message to or from UDP port 5060.",
			Routers: office(Router{NAT: Preserving, ALG: []ALG{{"udp", 5060}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "rewriting", Findings: []string{"sip-alg.rewriting"}, ExitStatus: 1},
		},
		{
			Name: "sip-alg-tcp", Title: "a SIP ALG on TCP port 5060 only",
			Story:   "Phones that use UDP work; those that use TCP are rewritten.",
			Routers: office(Router{NAT: Preserving, ALG: []ALG{{"tcp", 5060}}}),
			Expect:  Expect{BehindNAT: true, SIPALG: "rewriting", Findings: []string{"sip-alg.rewriting"}, ExitStatus: 1},
		},
		{
			Name: "sip-alg-other-port", Title: "a SIP ALG that watches port 5080 as well",
			Story:   "Moving the phones to another SIP port does not help here.",
			Routers: office(Router{NAT: Preserving, ALG: []ALG{{"udp", 5080}, {"tcp", 5080}}}),
			Expect:  Expect{BehindNAT: true, SIPALG: "rewriting", Findings: []string{"sip-alg.rewriting"}, ExitStatus: 1},
		},
		{
			Name: "sip-dropped", Title: "a firewall that drops SIP by its content",
			Story:   "The port is open, but whatever looks like SIP vanishes.",
			Routers: office(Router{NAT: Preserving, Block: []Block{{Protocol: "udp", SIP: true}}}),
			Expect:  Expect{BehindNAT: true, SIPALG: "dropping", Findings: []string{"sip-alg.dropping"}, ExitStatus: 1},
		},
		{
			Name: "sip-port-blocked", Title: "port 5060 blocked, TLS on 5061 open",
			Story:   "The firewall closes port 5060 for UDP and TCP; encrypted SIP passes.",
			Routers: office(Router{NAT: Preserving, Block: []Block{{Port: 5060}}}),
			Expect:  Expect{BehindNAT: true, SIPALG: "inconclusive", Findings: []string{"sip-alg.port-blocked"}, ExitStatus: 1},
		},
		{
			Name: "only-https", Title: "everything but TCP port 443 blocked",
			Story:       "The firewall lets people browse and nothing else: no UDP, no other TCP port. The responder's control channel listens on 443.",
			ControlPort: 443,
			Routers:     office(Router{NAT: Preserving, Block: []Block{{Protocol: "udp"}, {Protocol: "tcp", Port: 1, LastPort: 442}, {Protocol: "tcp", Port: 444, LastPort: 65535}}}),
			Expect:      Expect{SIPALG: "inconclusive", Findings: []string{"nat.only-https"}, ExitStatus: 1}, // no server can tell that there is a NAT
		},
		{
			Name: "symmetric-nat", Title: "a NAT that takes a new port for every destination",
			Story:   "Phones register, but the provider must relay every call.",
			Routers: office(Router{NAT: Random}),
			Expect:  Expect{BehindNAT: true, Mapping: "address-and-port-dependent", SIPALG: "none", Findings: []string{"nat.mapping-varies"}, ExitStatus: 0},
		},
		{
			Name: "double-nat", Title: "the office router behind a carrier's NAT (100.64.0.0/10)",
			Story:   "Two address translations in a row; nothing can be forwarded from outside.",
			Routers: []Router{{NAT: Preserving}, {NAT: Preserving}},
			Expect:  Expect{BehindNAT: true, CGNAT: true, NATLayers: 2, SIPALG: "none", Findings: []string{"nat.double"}, ExitStatus: 0},
		},
		{
			Name: "udp-timeout", Title: "a router that forgets a silent phone after 10 s",
			Story:   "Calls go out at any time; from outside nobody reaches a phone that has been silent for a while.",
			Routers: office(Router{NAT: Preserving, UDPTimeoutS: 10}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", ExitStatus: 0},
		},
		{
			Name: "fragments-dropped", Title: "a firewall that drops IP fragments",
			Story:   "Short SIP messages pass; an INVITE with many codecs vanishes.",
			Routers: office(Router{NAT: Preserving, DropFragments: true}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"fragments.dropped"}, ExitStatus: 0},
		},
		{
			Name: "rtp-blocked", Title: "a firewall that stops two ranges of RTP ports on the way out",
			Story:   "Some calls have no audio: UDP 16384-16400 and 30000-40000 do not get out.",
			Routers: office(Router{NAT: Preserving, Block: []Block{{Protocol: "udp", Port: 16384, LastPort: 16400}, {Protocol: "udp", Port: 30000, LastPort: 40000}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"rtp-ports.blocked-outbound"}, ExitStatus: 1},
		},
		{
			Name: "rtp-return-blocked", Title: "a firewall that lets RTP out, but not all answers in",
			Story:   "In some calls the other side hears us, and we hear nothing: what comes from UDP 20000-25000 is dropped.",
			Routers: office(Router{NAT: Preserving, Block: []Block{{Protocol: "udp", Port: 20000, LastPort: 25000, Return: true}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"rtp-ports.blocked-return"}, ExitStatus: 1},
		},
		{
			Name: "small-router", Title: "a router that holds 4,096 connections and no more",
			Story:   "Nothing is blocked, but a test that opens connections too fast takes the office off the Internet.",
			Routers: office(Router{NAT: Preserving, FlowLimit: 4096}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", ExitStatus: 0},
		},
		{
			Name: "pbx-forward-gap", Title: "a PBX behind NAT with a third of its RTP ports not forwarded",
			Story:   "The PBX uses UDP 10000-20000; the router forwards it without 14000-17599.",
			Inbound: "10000-20000",
			Routers: office(Router{NAT: Preserving, Forward: []Forward{{Port: 10000, LastPort: 13999, To: PhoneAddr}, {Port: 17600, LastPort: 20000, To: PhoneAddr}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"rtp-ports.inbound-missing"}, ExitStatus: 1},
		},
		{
			Name: "pbx-forward-astray", Title: "a PBX behind NAT, its RTP ports forwarded to an address that is not its own",
			Story:   "The PBX got a new address, and the router still forwards UDP 10000-20000 to the old one.",
			Inbound: "10000-20000",
			Routers: office(Router{NAT: Preserving, Forward: []Forward{{Port: 10000, LastPort: 20000, To: "192.168.88.77"}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"rtp-ports.inbound-none"}, ExitStatus: 1},
		},
		{
			Name: "pbx-carrier-nat", Title: "a PBX whose router forwards its RTP ports, behind a carrier's NAT",
			Story:   "The forwarding is right, but the router has no public address of its own: nothing reaches it.",
			Inbound: "10000-20000",
			Routers: []Router{{NAT: Preserving, Forward: []Forward{{Port: 10000, LastPort: 20000, To: PhoneAddr}}}, {NAT: Preserving}},
			Expect:  Expect{BehindNAT: true, CGNAT: true, NATLayers: 2, SIPALG: "none", Findings: []string{"rtp-ports.inbound-carrier"}, ExitStatus: 1},
		},
		{
			Name: "dscp-cleared", Title: "a router that clears the mark for voice (DSCP)",
			Story:   "Calls sound well, until somebody downloads something: voice has no priority any more.",
			Routers: office(Router{NAT: Preserving, ClearDSCP: true}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"media.dscp"}, ExitStatus: 0},
		},
		{
			Name: "no-nat", Title: "public addresses in the office, no NAT",
			Story:   "The router only routes.",
			Routers: office(Router{NAT: NoNAT}),
			Expect:  Expect{BehindNAT: false, SIPALG: "none", ExitStatus: 0},
		},
		{
			Name: "routed-alg", Title: "a routed firewall without NAT whose SIP helper opens ports",
			Story:   "No address is translated, but the firewall reads SIP and opens pinholes for RTP.",
			Routers: office(Router{NAT: NoNAT, Stateful: true, ALG: []ALG{{"udp", 5060}}}),
			Expect:  Expect{BehindNAT: false, SIPALG: "pinhole", Findings: []string{"sip-alg.pinhole"}, ExitStatus: 0},
		},
		{
			Name: "lossy", Title: "5 % packet loss, no ALG",
			Story:   "A bad line. Loss must not look like a firewall or an ALG.",
			Routers: office(Router{NAT: Preserving, LossPercent: 5}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", ExitStatus: 0},
		},
		{
			Name: "lossy-sip-alg", Title: "5 % packet loss and a SIP ALG on UDP 5060",
			Story:   "A bad line with an ALG on it.",
			Routers: office(Router{NAT: Preserving, LossPercent: 5, ALG: []ALG{{"udp", 5060}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "rewriting", Findings: []string{"sip-alg.rewriting"}, ExitStatus: 1},
		},
	}
}
