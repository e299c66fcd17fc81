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
	office := func(r Router) []Router { return []Router{r} }
	return []Scenario{
		{
			Name:    "clean",
			Routers: office(Router{NAT: Preserving}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", NATLayers: 1, SIPALG: "none", ExitStatus: 0},
		},
		{
			Name:    "sip-alg",
			Routers: office(Router{NAT: Preserving, ALG: []ALG{{"udp", 5060}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "rewriting", Findings: []string{"sip-alg.rewriting"}, ExitStatus: 1},
		},
		{
			Name:    "sip-alg-tcp",
			Routers: office(Router{NAT: Preserving, ALG: []ALG{{"tcp", 5060}}}),
			Expect:  Expect{BehindNAT: true, SIPALG: "rewriting", Findings: []string{"sip-alg.rewriting"}, ExitStatus: 1},
		},
		{
			Name:    "sip-alg-other-port",
			Routers: office(Router{NAT: Preserving, ALG: []ALG{{"udp", 5080}, {"tcp", 5080}}}),
			Expect:  Expect{BehindNAT: true, SIPALG: "rewriting", Findings: []string{"sip-alg.rewriting"}, ExitStatus: 1},
		},
		{
			Name:    "sip-dropped",
			Routers: office(Router{NAT: Preserving, Block: []Block{{Protocol: "udp", SIP: true}}}),
			Expect:  Expect{BehindNAT: true, SIPALG: "dropping", Findings: []string{"sip-alg.dropping"}, ExitStatus: 1},
		},
		{
			Name:    "sip-port-blocked",
			Routers: office(Router{NAT: Preserving, Block: []Block{{Port: 5060}}}),
			Expect:  Expect{BehindNAT: true, SIPALG: "inconclusive", Findings: []string{"sip-alg.port-blocked"}, ExitStatus: 1},
		},
		{
			Name:        "only-https",
			ControlPort: 443,
			Routers:     office(Router{NAT: Preserving, Block: []Block{{Protocol: "udp"}, {Protocol: "tcp", Port: 1, LastPort: 442}, {Protocol: "tcp", Port: 444, LastPort: 65535}}}),
			Expect:      Expect{SIPALG: "inconclusive", Findings: []string{"nat.only-https"}, ExitStatus: 1}, // no server can tell that there is a NAT
		},
		{
			Name:    "symmetric-nat",
			Routers: office(Router{NAT: Random}),
			Expect:  Expect{BehindNAT: true, Mapping: "address-and-port-dependent", SIPALG: "none", Findings: []string{"nat.mapping-varies"}, ExitStatus: 0},
		},
		{
			Name:    "double-nat",
			Routers: []Router{{NAT: Preserving}, {NAT: Preserving}},
			Expect:  Expect{BehindNAT: true, CGNAT: true, NATLayers: 2, SIPALG: "none", Findings: []string{"nat.double"}, ExitStatus: 0},
		},
		{
			Name:    "udp-timeout",
			Ladder:  []int{5, 12, 20},
			Routers: office(Router{NAT: Preserving, UDPTimeoutS: 10}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"nat-lifetime.too-short"}, ExitStatus: 0},
		},
		{
			Name:    "fragments-dropped",
			Routers: office(Router{NAT: Preserving, DropFragments: true}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"fragments.dropped"}, ExitStatus: 0},
		},
		{
			Name:    "rtp-blocked",
			Routers: office(Router{NAT: Preserving, Block: []Block{{Protocol: "udp", Port: 16384, LastPort: 16400}, {Protocol: "udp", Port: 30000, LastPort: 40000}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"rtp-ports.blocked-outbound"}, ExitStatus: 1},
		},
		{
			Name:    "rtp-return-blocked",
			Routers: office(Router{NAT: Preserving, Block: []Block{{Protocol: "udp", Port: 20000, LastPort: 25000, Return: true}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"rtp-ports.blocked-return"}, ExitStatus: 1},
		},
		{
			Name:    "small-router",
			Flood:   "10000-14999",
			Routers: office(Router{NAT: Preserving, FlowLimit: 4096}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", ExitStatus: 0},
		},
		{
			Name:    "pbx-forward-gap",
			Inbound: "10000-20000",
			Routers: office(Router{NAT: Preserving, Forward: []Forward{{Port: 10000, LastPort: 13999, To: PhoneAddr}, {Port: 17600, LastPort: 20000, To: PhoneAddr}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"rtp-ports.inbound-missing"}, ExitStatus: 1},
		},
		{
			Name:    "pbx-forward-astray",
			Inbound: "10000-20000",
			Routers: office(Router{NAT: Preserving, Forward: []Forward{{Port: 10000, LastPort: 20000, To: "192.168.88.77"}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"rtp-ports.inbound-none"}, ExitStatus: 1},
		},
		{
			Name:    "pbx-carrier-nat",
			Inbound: "10000-20000",
			Routers: []Router{{NAT: Preserving, Forward: []Forward{{Port: 10000, LastPort: 20000, To: PhoneAddr}}}, {NAT: Preserving}},
			Expect:  Expect{BehindNAT: true, CGNAT: true, NATLayers: 2, SIPALG: "none", Findings: []string{"rtp-ports.inbound-carrier"}, ExitStatus: 1},
		},
		{
			Name:    "dscp-cleared",
			Routers: office(Router{NAT: Preserving, ClearDSCP: true}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", Findings: []string{"media.dscp"}, ExitStatus: 0},
		},
		{
			Name:    "no-nat",
			Routers: office(Router{NAT: NoNAT}),
			Expect:  Expect{BehindNAT: false, SIPALG: "none", ExitStatus: 0},
		},
		{
			Name:    "routed-alg",
			Routers: office(Router{NAT: NoNAT, Stateful: true, ALG: []ALG{{"udp", 5060}}}),
			Expect:  Expect{BehindNAT: false, SIPALG: "pinhole", Findings: []string{"sip-alg.pinhole"}, ExitStatus: 0},
		},
		{
			Name:    "lossy",
			Routers: office(Router{NAT: Preserving, LossPercent: 5}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "none", ExitStatus: 0},
		},
		{
			Name:    "lossy-sip-alg",
			Routers: office(Router{NAT: Preserving, LossPercent: 5, ALG: []ALG{{"udp", 5060}}}),
			Expect:  Expect{BehindNAT: true, Mapping: "endpoint-independent", SIPALG: "rewriting", Findings: []string{"sip-alg.rewriting"}, ExitStatus: 1},
		},
	}
}
