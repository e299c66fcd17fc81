package platform

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Network is everything a check or the responder may do to a network. Real
// gives the operating system's; checks/checktest has one in memory, with NATs
// and ALGs in it. Implementations may be called concurrently.
type Network interface {
	// OpenUDP binds a UDP socket. An invalid or unspecified address binds all
	// addresses of its family (IPv4 when invalid); port 0 takes a fresh port.
	// The caller closes it.
	OpenUDP(ctx context.Context, local netip.AddrPort) (UDPConn, error)

	// DialTCP connects from local (zero: any address, fresh port) to remote.
	DialTCP(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error)

	// ListenTCP accepts connections at local.
	ListenTCP(ctx context.Context, local netip.AddrPort) (net.Listener, error)

	// LookupAddrs resolves host to its addresses, IPv4 first unless only IPv6
	// has a route. An address literal is returned as it is, without asking
	// anybody.
	LookupAddrs(ctx context.Context, host string) ([]netip.Addr, error)

	// LookupSRV resolves _service._proto.domain (RFC 2782), in the order to try.
	LookupSRV(ctx context.Context, service, proto, domain string) ([]SRV, error)

	// LookupTXT resolves the text records of a name, each with its parts joined.
	LookupTXT(ctx context.Context, name string) ([]string, error)

	// SourceFor says which local address the routing table picks to reach
	// remote. It sends nothing.
	SourceFor(remote netip.Addr) (netip.Addr, error)
}

// SRV is one DNS service record.
type SRV struct {
	Target   string // without the trailing dot
	Port     uint16
	Priority uint16
	Weight   uint16
}

// UDPConn is an unconnected UDP socket: it hears every peer, so the caller
// matches answers to questions by transaction and address. ReadFrom may be
// called by one goroutine while others call WriteTo.
type UDPConn interface {
	// ReadFrom waits for the next datagram and copies it into b. An ICMP error
	// that the network sent back for an earlier datagram is returned as an
	// *ICMPError; reading may go on after it. Past the deadline the error
	// satisfies errors.Is(err, os.ErrDeadlineExceeded).
	ReadFrom(b []byte) (Datagram, error)

	// WriteTo sends b to the given peer. A datagram that this machine's own
	// packet filter dropped fails with an error of ClassLocalFilter.
	WriteTo(b []byte, to netip.AddrPort, o SendOptions) error

	// LocalAddr is the bound address and port; the address is unspecified when
	// the socket is bound to all of them.
	LocalAddr() netip.AddrPort

	SetReadDeadline(t time.Time) error
	Close() error
}

// Datagram describes one received UDP datagram; its bytes are in the caller's
// buffer.
type Datagram struct {
	N    int            // bytes
	From netip.AddrPort // IPv4 addresses are never IPv4-mapped IPv6
	To   netip.Addr     // the local address it was sent to; invalid when unknown
	TTL  int            // hop limit on arrival; 0 when unknown
	TOS  int            // traffic class on arrival, DSCP in the upper 6 bits; -1 when unknown
}

// SendOptions are the per-datagram settings of UDPConn.WriteTo. The zero value
// means the system's defaults.
type SendOptions struct {
	TTL  int        // 1..255; 0 leaves the default
	TOS  int        // traffic class; 0 leaves the default
	From netip.Addr // source address, on a socket bound to several; invalid leaves it to routing
	// DontFragment sends with the DF bit and whatever is known of the path's
	// MTU ignored, so that the datagram arrives whole or not at all. Where the
	// system cannot, sending fails with errors.ErrUnsupported; what is longer
	// than the own link takes, with ClassTooLong.
	DontFragment bool
}

// An ICMPError is what a router or host on the way said about a datagram sent
// earlier on the same socket.
type ICMPError struct {
	Hop   netip.Addr     // who sent the message
	To    netip.AddrPort // where the datagram was going
	Type  int            // ICMP or ICMPv6 type
	Code  int
	MTU   int    // of the next link, with "fragmentation needed" and "packet too big"; 0 when unknown
	Quote []byte // what the message quoted of the datagram's UDP payload, as far as the system gives it; may be empty
	V6    bool
}

func (e *ICMPError) Error() string {
	return fmt.Sprintf("%s from %s about a datagram to %s", e.Meaning(), e.Hop, e.To)
}

// What an ICMP message says, of those that something follows from.
const (
	PortUnreachable     words.Cause = "port unreachable"
	ProtocolUnreachable words.Cause = "protocol unreachable"
	HostUnreachable     words.Cause = "host unreachable"
)

// Meaning is the message in the field's words (RFC 792, 1812 and 4443).
func (e *ICMPError) Meaning() words.Cause {
	type tc struct{ t, c int }
	v4 := map[tc]words.Cause{
		{3, 0}: "network unreachable", {3, 1}: HostUnreachable, {3, 2}: ProtocolUnreachable, {3, 3}: PortUnreachable,
		{3, 4}: "fragmentation needed", {3, 9}: "network administratively prohibited", {3, 10}: "host administratively prohibited",
		{3, 13}: "communication administratively prohibited", {11, 0}: "time exceeded",
	}
	v6 := map[tc]words.Cause{
		{1, 0}: "no route", {1, 1}: "communication administratively prohibited", {1, 3}: "address unreachable",
		{1, 4}: PortUnreachable, {1, 5}: "source address failed policy", {1, 6}: "route rejected", {2, 0}: "packet too big", {3, 0}: "time exceeded",
	}
	m := v4
	if e.V6 {
		m = v6
	}
	if s, ok := m[tc{e.Type, e.Code}]; ok {
		return s
	}
	return words.Cause(fmt.Sprintf("ICMP type %d code %d", e.Type, e.Code))
}

// TimeExceeded reports whether a hop dropped the datagram because its TTL ran
// out: the answer a TTL probe hopes for.
func (e *ICMPError) TimeExceeded() bool {
	return e.Type == 11 && !e.V6 || e.Type == 3 && e.V6
}

// TooBig reports whether a hop could not pass the datagram on in one piece and
// was not allowed to cut it (RFC 1191, RFC 8201).
func (e *ICMPError) TooBig() bool {
	return e.Type == 3 && e.Code == 4 && !e.V6 || e.Type == 2 && e.V6
}

// Prohibited reports whether a packet filter said no.
func (e *ICMPError) Prohibited() bool {
	if e.V6 {
		return e.Type == 1 && (e.Code == 1 || e.Code == 5 || e.Code == 6)
	}
	return e.Type == 3 && (e.Code == 9 || e.Code == 10 || e.Code == 13)
}

// An ErrorClass is the fact behind a network error. Refused, reset,
// unreachable, prohibited, timed out and filtered locally are six different
// facts about a path, and every operating system words them differently.
type ErrorClass string

// The classes; ClassOther is any error that says nothing about the path.
const (
	ClassNone        ErrorClass = ""
	ClassRefused     ErrorClass = "refused"
	ClassReset       ErrorClass = "reset"
	ClassUnreachable ErrorClass = "unreachable"
	ClassProhibited  ErrorClass = "prohibited"
	ClassTimeout     ErrorClass = "timeout"
	ClassLocalFilter ErrorClass = "local-filter" // EPERM on send: this machine's own packet filter
	ClassTooLong     ErrorClass = "too-long"     // longer than this machine's own link takes, or any datagram may be
	ClassInUse       ErrorClass = "in-use"       // the local port belongs to another program
	ClassOther       ErrorClass = "other"
)

// As finds what a Network can do beyond the interface: n itself, or the one that
// it wraps (a method Unwrap that returns a Network).
func As[T any](n Network) (T, bool) {
	for n != nil {
		if t, ok := n.(T); ok {
			return t, true
		}
		w, ok := n.(interface{ Unwrap() Network })
		if !ok {
			break
		}
		n = w.Unwrap()
	}
	var none T
	return none, false
}
