package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// rewritesSIP reports whether some router must rewrite SIP to be what its
// scenario says.
func (s Scenario) rewritesSIP() bool {
	return slices.ContainsFunc(s.Routers, func(r Router) bool { return r.NAT != NoNAT && len(r.ALG) > 0 })
}

// proveHelper sends one SIP request through an office of its own. Where the
// rewriting half of the helper is a module (nf_nat_sip), nothing loads it when
// the reading half (nf_conntrack_sip) is attached, and an office with an ALG
// would silently be one without.
func proveHelper(ctx context.Context) error {
	o, err := raise(ctx, Scenario{Name: "helper", Routers: []Router{{NAT: Preserving, ALG: []ALG{{"udp", 5060}}}}})
	if err != nil {
		return err
	}
	defer o.Close()
	server, err := o.Responder.bind(ResponderAddr + ":5060")
	if err != nil {
		return err
	}
	defer server.Close()
	phone, err := o.Phone.bind(PhoneAddr + ":5060")
	if err != nil {
		return err
	}
	defer phone.Close()
	via := "Via: SIP/2.0/UDP " + PhoneAddr + ":5060;branch=z9hG4bKhelper"
	request := "OPTIONS sip:" + ResponderAddr + " SIP/2.0\r\n" + via + "\r\n" +
		"From: <sip:a@lab>;tag=1\r\nTo: <sip:b@lab>\r\nCall-ID: helper\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
	if _, err := phone.WriteToUDPAddrPort([]byte(request), netip.MustParseAddrPort(ResponderAddr+":5060")); err != nil {
		return fmt.Errorf("trying the SIP helper: %w", err)
	}
	// The way is loss-free and takes microseconds; a second is for a machine
	// that is busy with something else.
	_ = server.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, 2048)
	n, err := server.Read(b)
	if err != nil {
		return fmt.Errorf("trying the SIP helper: %w", err)
	}
	if strings.Contains(string(b[:n]), via) {
		return fmt.Errorf("%w: this kernel's SIP helper rewrites nothing: its module nf_nat_sip is missing or not loaded (as root: modprobe nf_nat_sip)", ErrUnavailable)
	}
	return nil
}

// bind opens a UDP socket on the node.
func (n *Node) bind(local string) (c *net.UDPConn, err error) {
	err = n.Do(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(local)))
		return err
	})
	return c, err
}
