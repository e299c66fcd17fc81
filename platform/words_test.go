package platform

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
)

func TestErrorsAreWordedForTechnicians(t *testing.T) {
	server := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.10:5060"))
	_, number := strconv.Atoi("abc")
	_, large := strconv.Atoi("99999999999999999999")
	_, address := netip.ParseAddr("192.0.2.300")
	syntax := json.Unmarshal([]byte("{"), new(struct{}))
	kind := json.Unmarshal([]byte(`{"ports":"x"}`), new(struct {
		Ports int `json:"ports"`
	}))
	for want, err := range map[string]error{
		"asking: the time was up":                                 fmt.Errorf("asking: %w", context.DeadlineExceeded),
		"asking: interrupted":                                     fmt.Errorf("asking: %w", context.Canceled),
		"reading the answer: no answer":                           fmt.Errorf("reading the answer: %w", &net.OpError{Op: "read", Net: "udp", Err: os.ErrDeadlineExceeded}),
		"192.0.2.10:5060: connection refused":                     &net.OpError{Op: "dial", Net: "tcp", Addr: server, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"192.0.2.10:5060: no answer":                              &net.OpError{Op: "dial", Net: "tcp", Addr: server, Err: context.DeadlineExceeded},
		"sending: network is unreachable":                         fmt.Errorf("sending: %w", &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError("sendmsg", syscall.ENETUNREACH)}),
		"looking up pbx.example.net: no such host":                &net.DNSError{Name: "pbx.example.net", IsNotFound: true, Err: "no such host"},
		"looking up pbx.example.net: network is unreachable":      &net.DNSError{Name: "pbx.example.net", Err: "dial udp 10.255.255.53:53: connect: network is unreachable"},
		`--rate: "abc" is not a number`:                           fmt.Errorf("--rate: %w", number),
		`"99999999999999999999" is too large or too small`:        large,
		"not an address":                                          address,
		"report.json: it ends in the middle":                      fmt.Errorf("report.json: %w", io.ErrUnexpectedEOF),
		"not valid JSON (at byte 1)":                              syntax,
		`"ports" holds a string where it should not (at byte 12)`: kind,
		"reading /etc/rtp.conf: no such file or directory":        fmt.Errorf("reading /etc/rtp.conf: %w", &fs.PathError{Op: "open", Path: "/etc/rtp.conf", Err: syscall.ENOENT}),
		"--tls-cert cert.pem: failed to find any PEM data":        fmt.Errorf("--tls-cert cert.pem: %w", errors.New("tls: failed to find any PEM data")),
		"nft is not installed":                                    &exec.Error{Name: "nft", Err: exec.ErrNotFound},
		"signed by an authority that this machine does not know":  x509.UnknownAuthorityError{},
		"one: interrupted; two: the time was up":                  fmt.Errorf("one: %w; two: %w", context.Canceled, context.DeadlineExceeded),
		"interrupted\nthe time was up":                            errors.Join(context.Canceled, context.DeadlineExceeded),
		"our own words":                                           errors.New("our own words"),
		"":                                                        nil,
	} {
		if got := Words(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
