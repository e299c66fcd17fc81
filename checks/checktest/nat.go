package checktest

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Behaviour is a mapping or filtering behaviour of RFC 4787, sections 4.1 and
// 5.
type Behaviour int

// The behaviours.
const (
	EndpointIndependent Behaviour = iota
	AddressDependent
	AddressAndPortDependent
)

func (b Behaviour) String() string {
	return [...]string{"endpoint-independent", "address-dependent", "address-and-port-dependent"}[b]
}

// reduce keeps of a remote endpoint what the behaviour depends on.
func (b Behaviour) reduce(remote netip.AddrPort) netip.AddrPort {
	switch b {
	case EndpointIndependent:
		return netip.AddrPort{}
	case AddressDependent:
		return netip.AddrPortFrom(remote.Addr(), 0)
	default:
		return remote
	}
}

// Ports is how a NAT picks the outside port (RFC 4787 section 4.2).
type Ports int

const (
	// PreservePorts keeps the port while nobody else has it.
	PreservePorts Ports = iota
	// OverloadPorts keeps the port while nobody else has it towards the same
	// remote endpoint: Linux. It needs mappings that depend on address and
	// port, and makes them look endpoint-independent.
	OverloadPorts
	// RandomPorts takes any port.
	RandomPorts
	// ParityPorts takes any port of the same parity, so that RTP stays even.
	ParityPorts
	// SequentialPorts takes the next one.
	SequentialPorts
)

// NAT is a router's address translation. The zero value is the friendliest
// NAT there is; Linux and Symmetric are the ones to be met.
type NAT struct {
	Mapping   Behaviour
	Filtering Behaviour
	Ports     Ports
	// Arbitrary lets every mapping take any of the outside addresses; a
	// paired pool (RFC 4787 REQ-2) keeps an inside address on one of them.
	Arbitrary bool
	// PerHost lets in what answers any flow of the inside host, not only one of
	// the mapping that it comes to.
	PerHost bool
	// Timeout is how long a UDP flow lives after its last packet, 0 is 30 s;
	// AssuredTimeout how long once it was answered and is older than two
	// seconds, 0 is 120 s.
	Timeout, AssuredTimeout time.Duration
}

// Linux is masquerading as nf_conntrack does it.
func Linux() *NAT {
	return &NAT{Mapping: AddressAndPortDependent, Filtering: AddressAndPortDependent, Ports: OverloadPorts}
}

// Symmetric is a NAT that takes another random port for every destination.
func Symmetric() *NAT {
	return &NAT{Mapping: AddressAndPortDependent, Filtering: AddressAndPortDependent, Ports: RandomPorts}
}

// identity is the state of a firewall that translates nothing.
func identity() *NAT {
	return &NAT{Mapping: EndpointIndependent, Filtering: AddressAndPortDependent}
}

const (
	defaultTimeout    = 30 * time.Second  // nf_conntrack_udp_timeout
	defaultAssured    = 120 * time.Second // nf_conntrack_udp_timeout_stream
	defaultTCPTimeout = 124 * time.Minute // RFC 5382 REQ-5
	closingTimeout    = 4 * time.Minute   // RFC 5382 REQ-5, transitory
	// assuredAge is the age at which Linux takes an answered flow for a
	// stream; a question and its answer alone do not make one.
	assuredAge = 2 * time.Second
)

// lifetime is how long a flow lives from now on.
func (n *NAT) lifetime(proto string, f *flow, now time.Time) time.Duration {
	switch {
	case proto == TCP && f.closing:
		return closingTimeout
	case proto == TCP:
		return defaultTCPTimeout
	case f.answered && now.Sub(f.created) > assuredAge:
		return max(cmp.Or(n.AssuredTimeout, defaultAssured), f.helper)
	default:
		return max(cmp.Or(n.Timeout, defaultTimeout), f.helper)
	}
}

// Ports below 1024 stay among themselves (RFC 4787 REQ-3a).
const (
	firstNATPort = 1024
	natPortCount = 65536 - firstNATPort
)

// pick proposes the n-th candidate for the outside port.
func (n *NAT) pick(rng *rand.Rand, inside uint16, attempt int, last *uint16) uint16 {
	random := func() uint16 { return uint16(firstNATPort + rng.IntN(natPortCount)) }
	switch {
	case n.Ports == SequentialPorts:
		*last = firstNATPort + (*last-firstNATPort+1)%natPortCount
		return *last
	case n.Ports == ParityPorts:
		return random()&^1 | inside&1
	case n.Ports == RandomPorts || attempt > 0:
		return random()
	default:
		return inside
	}
}
