package pcap

import (
	"encoding/binary"
	"net/netip"
)

// A Datagram is what one frame carries over UDP or TCP. Payload belongs to the
// decoder and is valid until its next frame.
type Datagram struct {
	Frame     int
	Time      int64 // nanoseconds since 1970
	Interface int
	Protocol  uint8 // UDP or TCP
	Src, Dst  netip.AddrPort
	TTL, TOS  uint8  // of the innermost IP header; IPv6: hop limit and traffic class
	VLAN      uint16 // the innermost; 0 is none
	Tunnel    string // what the innermost header travelled in: "gre", "vxlan", "hep" …
	Outgoing  bool   // the capturing machine sent it ("-i any" says so)
	// Ether is where the frame went and came from, 6 bytes each; nil where the
	// link has no such addresses.
	Ether   []byte
	Cut     bool // the capture kept less of it than was on the wire
	Payload []byte

	Seq   uint32 // TCP
	Flags uint8  // TCP: FIN SYN RST PSH ACK

	Incoming bool // it was sent to the capturing machine, to keep or to pass on, as "-i any" says
}

// Protocol numbers of IANA.
const (
	UDP = 17
	TCP = 6

	protoIPIP = 4
	protoIPv6 = 41
	protoGRE  = 47
	protoAH   = 51

	protoHopByHop    = 0
	protoRouting     = 43
	protoFragment    = 44
	protoDestination = 60
	protoMobility    = 135
)

// TCP flags.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
)

// Stats counts the frames that Decode does not return by what came of them, so that
// nothing is lost silently.
type Stats struct {
	Cut        int          // of which the capture kept only a part that mattered
	OtherLink  map[Link]int // of a link type that is not read
	NotIP      int          // ARP, LLDP, spanning tree …
	OtherIP    int          // IP that carries neither UDP nor TCP
	Malformed  int          // headers that contradict themselves
	Fragments  int          // pieces of IP datagrams
	Incomplete int          // datagrams of which pieces are missing
}

// Decoder takes frames apart. The zero value is ready.
type Decoder struct {
	Stats Stats
	// Unreachable takes the ICMP errors about UDP and TCP, which Decode does not
	// return; nil: nobody wants them.
	Unreachable func(Unreachable)
	// Layer, where it is set, takes every header that is found, the outermost first.
	Layer func(Layer)

	d    Datagram
	held fragments
}

// maxLayers bounds headers within headers.
const maxLayers = 16

// Decode returns what a frame carries; ok is false for what is neither UDP nor
// TCP, a piece of a datagram that is not complete, and damaged headers: Stats
// counts which.
func (x *Decoder) Decode(f *Frame) (d *Datagram, ok bool) {
	s := &x.Stats
	x.d = Datagram{Frame: f.Number, Time: f.Time, Interface: f.Interface, Cut: f.Length > len(f.Data)}
	layers := 0
	switch x.link(f.Link, f.Data, &layers) {
	case found:
		return &x.d, true
	case cut:
		s.Cut++
	case notIP:
		s.NotIP++
	case otherIP:
		s.OtherIP++
	case malformed:
		s.Malformed++
	case otherLink:
		if s.OtherLink == nil {
			s.OtherLink = map[Link]int{}
		}
		s.OtherLink[f.Link]++
	}
	return nil, false
}

// outcome is what came of a frame.
type outcome int

const (
	found outcome = iota
	piece         // of a datagram that is not complete yet
	cut
	notIP
	otherIP
	malformed
	otherLink
)

// short is what came of a header that is not there: damaged, unless the capture
// kept less than was on the wire.
func (x *Decoder) short() outcome {
	if x.d.Cut {
		return cut
	}
	return malformed
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
