package labtest

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// segmentPause is long enough for a piece of a message to leave as a segment of
// its own before the next one is written.
const segmentPause = 30 * time.Millisecond

// streams are what phones write to a TCP connection, piece by piece: the names
// of requests of the corpus, "|" where a piece ends.
func streams(f *flow) map[string][]string {
	over := func(method, body string, change ...string) string {
		return string(f.request(method, body, append([]string{"SIP/2.0/UDP", "SIP/2.0/TCP", "transport=udp", "transport=tcp"}, change...)...))
	}
	invite, register := over("INVITE", audio), over("REGISTER", "")
	head := strings.Index(invite, "\r\n\r\n") + 4
	return map[string][]string{
		"an INVITE":                        {invite},
		"a REGISTER":                       {register},
		"an OPTIONS":                       {over("OPTIONS", "")},
		"a body in a segment of its own":   {invite[:head], invite[head:]},
		"a header over two segments":       {invite[:200], invite[200:]},
		"two messages in one segment":      {register + invite},
		"a message and half of another":    {register + invite[:200], invite[200:]},
		"a ping before the message":        {"\r\n\r\n", register},
		"a ping and a message at once":     {"\r\n\r\n" + register},
		"Content-Length first":             {over("INVITE", audio, "Max-Forwards", "Content-Length: LENGTH\r\nMax-Forwards", "X-Canary: PHONE\r\nAllow:INVITE,ACK\r\nContent-Type: application/sdp\r\nContent-Length: LENGTH", "Content-Type: application/sdp")},
		"no Content-Length":                {over("OPTIONS", "", "\r\nContent-Length: LENGTH", "")},
		"a Via that says UDP":              {string(f.request("OPTIONS", ""))},
		"bytes that are no SIP":            {"\x00\x01\x02 192.168.88.10 and nothing that anybody would call SIP"},
		"a message with a wrong length":    {over("MESSAGE", "ADDR", "LENGTH", "2") + register},
		"compact names":                    {over("INVITE", audio, "Via:", "v:", "Contact:", "m:", "Content-Length:", "l:", "From:", "f:")},
		"a Via of another port":            {over("OPTIONS", "", "TCP PHONE", "TCP ADDR:5099")},
		"many messages, one after another": {register, over("OPTIONS", ""), register, invite, over("BYE", "")},
	}
}

func TestTheHelperInMemoryIsTheKernelsOverTCP(t *testing.T) {
	for _, nat := range []lab.NAT{lab.Preserving, lab.Random, lab.NoNAT} {
		t.Run(string(nat), func(t *testing.T) {
			became := map[string]map[string][]string{}
			for name, e := range bothWorlds(t, withHelper(nat)) {
				became[name] = passStreams(t, e)
			}
			for name, kernel := range became["kernel"] {
				if diff := cmp.Diff(kernel, became["memory"][name]); diff != "" {
					t.Errorf("%s: the kernel (-) and memory (+) differ:\n%s", name, diff)
				}
			}
		})
	}
}

// passStreams writes every stream on a connection of its own, and an answer
// back.
func passStreams(t *testing.T, e ends) map[string][]string {
	t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(lab.ResponderAddr), 5060)
	l, err := e.server.ListenTCP(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out := map[string][]string{}
	port := uint16(42000)
	for _, name := range slices.Sorted(maps.Keys(streams(&flow{T: t}))) {
		port++
		f := &flow{T: t, self: netip.AddrPortFrom(netip.MustParseAddr(lab.PhoneAddr), port), remote: at}
		client, err := e.phone.DialTCP(t.Context(), f.self, at)
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		f.seen = netip.MustParseAddrPort(server.RemoteAddr().String())
		arrived := f.write(client, server, streams(f)[name]...)
		answer := "no SIP either"
		if i := strings.LastIndex(arrived, "\r\nVia:"); i > 0 {
			first := strings.LastIndex(arrived[:i], "\r\n\r\n")
			answer = string(f.answer(arrived[max(0, first+4):], false))
		}
		out[name] = []string{f.told(arrived), f.told(f.write(server, client, answer))}
		_, _ = client.Close(), server.Close()
	}
	return out
}

// write writes the pieces, ends that half of the connection and returns what
// has come out of the other end.
func (f *flow) write(from, to net.Conn, pieces ...string) string {
	f.Helper()
	for i, p := range pieces {
		if i > 0 {
			time.Sleep(segmentPause)
		}
		if _, err := fmt.Fprint(from, p); err != nil {
			f.Fatal(err)
		}
	}
	if err := from.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		f.Fatal(err)
	}
	_ = to.SetReadDeadline(time.Now().Add(3 * time.Second))
	b, err := io.ReadAll(to)
	if err != nil {
		return nothingAtAll + ": " + string(b)
	}
	return string(b)
}
