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
	Name    string   // argument of "sipdoctor lab", kebab-case; cmd/sipdoctor/words.yaml tells its story
	Routers []Router // from the office outwards; at least one
	// Inbound is what the phone's box is a PBX for: its RTP ports, "10000-20000",
	// which check is then to test from outside; empty: it is not a PBX.
	Inbound string
	// Ladder is how long, in seconds, check is silent to see how long the router
	// keeps a mapping; nil: not at all.
	Ladder []int
	// Flood is the range of RTP ports that check asks all at once to fill the
	// router's connection table; empty: it spares the table.
	Flood string
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
	// nat is the usual office: one router, with a NAT that keeps ports.
	nat := func(r Router) []Router {
		r.NAT = Preserving
		return []Router{r}
	}
	udp := func(first, last int) Block { return Block{Protocol: "udp", Port: first, LastPort: last} }
	back := func(first, last int) Block {
		return Block{Protocol: "udp", Port: first, LastPort: last, Return: true}
	}
	pbx := func(first, last int) Forward { return Forward{Port: first, LastPort: last, To: PhoneAddr} }
	// expect is what the report says behind such a router.
	expect := func(alg string, exit int, findings ...string) Expect {
		return Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: alg, Findings: findings, ExitStatus: exit}
	}
	// unmapped is expect where nothing is asserted of the mapping.
	unmapped := func(alg string, findings ...string) Expect {
		return Expect{BehindNAT: true, SIPALG: alg, Findings: findings, ExitStatus: 1}
	}
	carrier := func(exit int, finding string) Expect {
		return Expect{BehindNAT: true, CGNAT: true, NATLayers: 2, SIPALG: "none", Findings: []string{finding}, ExitStatus: exit}
	}
	clean := expect("none", 0)
	clean.NATLayers = 1
	symmetric := expect("none", 0, "nat.mapping-varies")
	symmetric.Mapping = "address-and-port-dependent"
	return []Scenario{
		{Name: "clean", Routers: nat(Router{}), Expect: clean},
		{Name: "sip-alg", Routers: nat(Router{ALG: []ALG{{"udp", 5060}}}), Expect: expect("rewriting", 1, "sip-alg.rewriting")},
		{Name: "sip-alg-tcp", Routers: nat(Router{ALG: []ALG{{"tcp", 5060}}}), Expect: unmapped("rewriting", "sip-alg.rewriting")},
		{Name: "sip-alg-other-port", Routers: nat(Router{ALG: []ALG{{"udp", 5080}, {"tcp", 5080}}}), Expect: unmapped("rewriting", "sip-alg.rewriting")},
		{Name: "sip-dropped", Routers: nat(Router{Block: []Block{{Protocol: "udp", SIP: true}}}), Expect: unmapped("dropping", "sip-alg.dropping")},
		{Name: "sip-port-blocked", Routers: nat(Router{Block: []Block{{Port: 5060}}}), Expect: unmapped("inconclusive", "sip-alg.port-blocked")},
		{
			Name: "only-https", ControlPort: 443,
			Routers: nat(Router{Block: []Block{{Protocol: "udp"}, {Protocol: "tcp", Port: 1, LastPort: 442}, {Protocol: "tcp", Port: 444, LastPort: 65535}}}),
			Expect:  Expect{SIPALG: "inconclusive", Findings: []string{"nat.only-https"}, ExitStatus: 1}, // no server can tell that there is a NAT
		},
		{Name: "symmetric-nat", Routers: []Router{{NAT: Random}}, Expect: symmetric},
		{Name: "double-nat", Routers: []Router{{NAT: Preserving}, {NAT: Preserving}}, Expect: carrier(0, "nat.double")},
		{Name: "udp-timeout", Ladder: []int{5, 12, 20}, Routers: nat(Router{UDPTimeoutS: 10}), Expect: expect("none", 0, "nat-lifetime.too-short")},
		{Name: "fragments-dropped", Routers: nat(Router{DropFragments: true}), Expect: expect("none", 0, "fragments.dropped")},
		{Name: "rtp-blocked", Routers: nat(Router{Block: []Block{udp(16384, 16400), udp(30000, 40000)}}), Expect: expect("none", 1, "rtp-ports.blocked-outbound")},
		{Name: "rtp-return-blocked", Routers: nat(Router{Block: []Block{back(20000, 25000)}}), Expect: expect("none", 1, "rtp-ports.blocked-return")},
		{Name: "small-router", Flood: "10000-14999", Routers: nat(Router{FlowLimit: 4096}), Expect: expect("none", 0)},
		{
			Name: "pbx-forward-gap", Inbound: "10000-20000",
			Routers: nat(Router{Forward: []Forward{pbx(10000, 13999), pbx(17600, 20000)}}),
			Expect:  expect("none", 1, "rtp-ports.inbound-missing"),
		},
		{
			Name: "pbx-forward-astray", Inbound: "10000-20000",
			Routers: nat(Router{Forward: []Forward{{Port: 10000, LastPort: 20000, To: "192.168.88.77"}}}),
			Expect:  expect("none", 1, "rtp-ports.inbound-none"),
		},
		{
			Name: "pbx-carrier-nat", Inbound: "10000-20000",
			Routers: []Router{{NAT: Preserving, Forward: []Forward{pbx(10000, 20000)}}, {NAT: Preserving}},
			Expect:  carrier(1, "rtp-ports.inbound-carrier"),
		},
		{Name: "dscp-cleared", Routers: nat(Router{ClearDSCP: true}), Expect: expect("none", 0, "media.dscp")},
		{Name: "no-nat", Routers: []Router{{NAT: NoNAT}}, Expect: Expect{SIPALG: "none"}},
		{
			Name:    "routed-alg",
			Routers: []Router{{NAT: NoNAT, Stateful: true, ALG: []ALG{{"udp", 5060}}}},
			Expect:  Expect{SIPALG: "pinhole", Findings: []string{"sip-alg.pinhole"}},
		},
		{Name: "lossy", Routers: nat(Router{LossPercent: 5}), Expect: expect("none", 0)},
		{Name: "lossy-sip-alg", Routers: nat(Router{LossPercent: 5, ALG: []ALG{{"udp", 5060}}}), Expect: expect("rewriting", 1, "sip-alg.rewriting")},
	}
}
