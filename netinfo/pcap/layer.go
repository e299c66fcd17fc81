package pcap

import "net/netip"

// A Layer is one header of a frame with what it carries. Whoever rewrites a frame
// needs all of them; whoever reads it, only what they carry.
type Layer struct {
	Kind   LayerKind
	Header int    // bytes of Data that are the header
	Data   []byte // a part of Frame.Data, or of the Data of LayerWhole before it
	// Of LayerPiece: the datagram that it belongs to, and where in it.
	ID DatagramID
	At int
	// Protocol is what an IP header carries, of LayerOther.
	Protocol uint8
}

// DatagramID tells the datagrams apart whose fragments are on their way.
type DatagramID struct {
	Src, Dst netip.Addr
	ID       uint32
	Protocol uint8
}

// LayerKind says how the bytes of a header are to be read.
type LayerKind int

// The kinds of layers.
const (
	LayerPlain     LayerKind = iota // tags, labels and lengths: VLAN, MPLS, PPP, GRE, VXLAN …
	LayerEthernet                   // two hardware addresses and a type
	LayerCooked                     // LINUX_SLL
	LayerCooked2                    // LINUX_SLL2
	LayerIPv4                       // with its options
	LayerIPv6                       // without extensions
	LayerExtension                  // of IPv6, and AH: the next header and a length come first
	LayerPiece                      // a fragment of a datagram; no header
	LayerWhole                      // the datagram that its last fragment has completed; no header
	LayerUDP
	LayerTCP
	LayerTZSP // header and tags
	LayerHEP  // a whole packet of Homer
	LayerOther
)

func (x *Decoder) note(k LayerKind, header int, b []byte) {
	if x.Layer != nil {
		x.Layer(Layer{Kind: k, Header: header, Data: b})
	}
}
