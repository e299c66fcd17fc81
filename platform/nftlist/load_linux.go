package nftlist

import "golang.org/x/sys/unix"

// valueType is how a value is written.
type valueType uint8

const (
	typeNone    valueType = iota
	typeAddr4             // "192.0.2.1"
	typeAddr6             //
	typePort              // 5060
	typeProto             // "udp"
	typeFamily            // "ipv4"
	typeMark              // 1, in the order of the machine's bytes
	typeName              // of an interface, "eth0"
	typeIndex             // of an interface, written as its name
	typeCtState           // bits, "new"
)

// left is what a rule has loaded to compare it.
type left struct {
	json string
	typ  valueType
	size int // bytes of the whole field
	got  int // bytes that were loaded: of an address, the first ones alone
	reg  uint32
}

func (l *left) isAddr() bool { return l.typ == typeAddr4 || l.typ == typeAddr6 }

const (
	etherIP, etherIP6 = 2, 10 // of meta nfproto: NFPROTO_IPV4, NFPROTO_IPV6

	tcp, udp = 6, 17
)

// portedTransports are the transports with ports, in the words of nft.
var portedTransports = map[uint8]string{tcp: "tcp", udp: "udp", 132: "sctp", 33: "dccp", 136: "udplite"}

// networkFields are the fields of the network headers, by the protocol and where
// they begin.
var networkFields = map[[2]uint32]left{
	{etherIP, 9}:   {json: `{"payload":{"protocol":"ip","field":"protocol"}}`, typ: typeProto, size: 1},
	{etherIP, 12}:  {json: `{"payload":{"protocol":"ip","field":"saddr"}}`, typ: typeAddr4, size: 4},
	{etherIP, 16}:  {json: `{"payload":{"protocol":"ip","field":"daddr"}}`, typ: typeAddr4, size: 4},
	{etherIP6, 8}:  {json: `{"payload":{"protocol":"ip6","field":"saddr"}}`, typ: typeAddr6, size: 16},
	{etherIP6, 24}: {json: `{"payload":{"protocol":"ip6","field":"daddr"}}`, typ: typeAddr6, size: 16},
}

// payload is what a load of the packet's bytes is called, given the protocols
// that the rule has asked for.
func (w *wording) payload(in attributes) (l left, known bool) {
	const dreg, base, offset, length, sreg = 1, 2, 3, 4, 5 // NFTA_PAYLOAD_*
	var a [6]attributes
	if !in.all(a[:]) || a[sreg] != nil { // what writes to the packet has a source
		return left{}, false
	}
	at := a[offset].number()
	switch a[base].number() {
	case unix.NFT_PAYLOAD_NETWORK_HEADER:
		l, known = networkFields[[2]uint32{uint32(w.net), at}]
	case unix.NFT_PAYLOAD_TRANSPORT_HEADER:
		name, ported := portedTransports[w.transport]
		field := "sport"
		if at == 2 {
			field = "dport"
		}
		known = ported && (at == 0 || at == 2)
		l = left{json: `{"payload":{"protocol":"` + name + `","field":"` + field + `"}}`, typ: typePort, size: 2}
	}
	l.reg, l.got = a[dreg].number(), int(a[length].number())
	return l, known && l.got > 0 && (l.got == l.size || l.isAddr() && l.got < l.size)
}

// meta is what a load of something about the packet is called.
func meta(in attributes) (l left, ok bool) {
	const dreg, key, sreg = 1, 2, 3 // NFTA_META_*
	var a [4]attributes
	if !in.all(a[:]) || a[sreg] != nil || a[dreg] == nil {
		return left{}, false
	}
	l, ok = metas[a[key].number()]
	l.reg, l.got = a[dreg].number(), l.size
	return l, ok
}

// metas are what is known about a packet besides its bytes, by the kernel's
// numbers.
var metas = map[uint32]left{
	unix.NFT_META_NFPROTO: {json: `{"meta":{"key":"nfproto"}}`, typ: typeFamily, size: 1},
	unix.NFT_META_L4PROTO: {json: protocolJSON, typ: typeProto, size: 1},
	unix.NFT_META_MARK:    {json: `{"meta":{"key":"mark"}}`, typ: typeMark, size: 4},
	unix.NFT_META_IIFNAME: {json: `{"meta":{"key":"iifname"}}`, typ: typeName, size: 16},
	unix.NFT_META_OIFNAME: {json: `{"meta":{"key":"oifname"}}`, typ: typeName, size: 16},
	unix.NFT_META_IIF:     {json: `{"meta":{"key":"iif"}}`, typ: typeIndex, size: 4},
	unix.NFT_META_OIF:     {json: `{"meta":{"key":"oif"}}`, typ: typeIndex, size: 4},
}

// ctState is a load of the connection's state.
func ctState(in attributes) (left, bool) {
	const dreg, key, direction, sreg = 1, 2, 3, 4 // NFTA_CT_*
	var a [5]attributes
	if !in.all(a[:]) || a[sreg] != nil || a[direction] != nil || a[key] == nil || a[key].number() != unix.NFT_CT_STATE {
		return left{}, false
	}
	return left{json: `{"ct":{"key":"state"}}`, typ: typeCtState, size: 4, got: 4, reg: a[dreg].number()}, true
}
