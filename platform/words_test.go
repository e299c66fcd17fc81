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
	"strings"
	"syscall"
	"testing"

	"github.com/sipdoctor/sipdoctor/platform/words"
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
		if got := string(Words(err)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		shown, wrong := words.NewBook(nil).Show(words.English, Words(err))
		if shown != strings.ReplaceAll(want, "\n", "; ") || wrong != nil {
			t.Errorf("shown as %q (%v), want %q", shown, wrong, want)
		}
	}
}

// A Russian-speaking technician reads the same in Russian, and what is not in the
// words in quotation marks.
func TestErrorsInRussian(t *testing.T) {
	server := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.10:5060"))
	_, number := strconv.Atoi("abc")
	hop, to := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddrPort("192.0.2.1:53")
	for want, err := range map[string]error{
		"192.0.2.10:5060: в соединении отказано":                              &net.OpError{Op: "dial", Net: "tcp", Addr: server, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"отправка: операция запрещена":                                        fmt.Errorf("sending: %w", &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError("sendmsg", syscall.EPERM)}),
		"открытие сокета UDP: открыто слишком много файлов":                   fmt.Errorf("opening a UDP socket: %w", os.NewSyscallError("socket", syscall.EMFILE)),
		"поиск адреса pbx.example.net: такого имени нет":                      &net.DNSError{Name: "pbx.example.net", IsNotFound: true},
		"поиск адреса a.example: нет ответа (запрос к 192.0.2.53)":            &lookupError{name: "a.example", what: "no answer", server: "192.0.2.53"},
		"выбор своего адреса для связи с 192.0.2.1: сеть недоступна":          fmt.Errorf("finding the local address towards %s: %w", "192.0.2.1", syscall.ENETUNREACH),
		"чтение /etc/rtp.conf: нет такого файла или каталога":                 fmt.Errorf("reading /etc/rtp.conf: %w", &fs.PathError{Op: "open", Path: "/etc/rtp.conf", Err: syscall.ENOENT}),
		"--rate: «abc» — не число":                                            fmt.Errorf("--rate: %w", number),
		"сертификат выдан не для pbx.example.net":                             x509.HostnameError{Host: "pbx.example.net"},
		"прервано; время вышло":                                               errors.Join(context.Canceled, context.DeadlineExceeded),
		"порт недоступен (сообщил 10.0.0.1 о датаграмме на 192.0.2.1:53)":     &ICMPError{Hop: hop, To: to, Type: 3, Code: 3},
		"ICMP, тип 3, код 77 (сообщил 10.0.0.1 о датаграмме на 192.0.2.1:53)": &ICMPError{Hop: hop, To: to, Type: 3, Code: 77},
		"«our own words»":                 errors.New("our own words"),
		"«washing the cat»: прервано":     fmt.Errorf("washing the cat: %w", context.Canceled),
		"«interrupted by the cat»":        fmt.Errorf("%w by the cat", context.Canceled),
		"прервано; eth0: сеть недоступна": fmt.Errorf("%w; eth0: %w", context.Canceled, syscall.ENETUNREACH),
	} {
		if got, wrong := words.NewBook(nil).Show(words.Russian, Words(err)); got != want || wrong != nil {
			t.Errorf("%q (%v), want %q", got, wrong, want)
		}
	}
}

// Whatever a datagram meets on its way has a name in Russian.
func TestICMPInRussian(t *testing.T) {
	for _, e := range []ICMPError{
		{Type: 3, Code: 0}, {Type: 3, Code: 1}, {Type: 3, Code: 2}, {Type: 3, Code: 3}, {Type: 3, Code: 4}, {Type: 3, Code: 9}, {Type: 3, Code: 10},
		{Type: 3, Code: 13}, {Type: 11}, {Type: 4}, {V6: true, Type: 1}, {V6: true, Type: 1, Code: 1}, {V6: true, Type: 1, Code: 3},
		{V6: true, Type: 1, Code: 4}, {V6: true, Type: 1, Code: 5}, {V6: true, Type: 1, Code: 6}, {V6: true, Type: 2}, {V6: true, Type: 3}, {V6: true, Type: 4},
	} {
		got, err := words.NewBook(nil).Show(words.Russian, e.Meaning())
		if err != nil || strings.ContainsAny(strings.ReplaceAll(strings.ReplaceAll(got, "ICMP", ""), "TTL", ""), "abcdefghijklmnopqrstuvwxyz«") {
			t.Errorf("%s: %q (%v)", e.Meaning(), got, err)
		}
	}
}
