package labtest

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/platform/lab"
)

// scriptedPhone registers as a phone does, with passwords, which SIPp as Debian has
// it cannot.
type scriptedPhone struct {
	t      *testing.T
	conn   net.Conn
	server string
	id     string // Call-ID
	cseq   int
	port   uint16
}

// reply is a final response.
type reply struct {
	code   int
	header textproto.MIMEHeader
}

// param is a parameter of the challenge.
func (r reply) param(name string) string {
	m := regexp.MustCompile(`\b` + name + `=(?:"([^"]*)"|([^",\s]+))`).FindStringSubmatch(r.header.Get("WWW-Authenticate"))
	if m == nil {
		return ""
	}
	return m[1] + m[2]
}

func newPhone(t *testing.T, n *lab.Node, server string, port uint16) *scriptedPhone {
	t.Helper()
	p := &scriptedPhone{t: t, server: server, id: fmt.Sprintf("%d@phone", time.Now().UnixNano()), port: port}
	err := n.Do(func() (err error) {
		local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(lab.PhoneAddr), port))
		p.conn, err = net.DialUDP("udp", local, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.conn.Close() })
	return p
}

// ask sends a REGISTER and returns the final response; code 0 is that none came
// within the time, in which the request is repeated.
func (p *scriptedPhone) ask(user string, patience time.Duration, headers ...string) reply {
	p.t.Helper()
	p.cseq++
	host, _, _ := net.SplitHostPort(p.server)
	lines := append([]string{
		"REGISTER sip:" + host + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/UDP %s:%d;rport;branch=z9hG4bK%s.%d", lab.PhoneAddr, p.port, strings.TrimSuffix(p.id, "@phone"), p.cseq),
		fmt.Sprintf("From: <sip:%s@%s>;tag=t%d", user, host, p.cseq),
		fmt.Sprintf("To: <sip:%s@%s>", user, host),
		"Call-ID: " + p.id,
		fmt.Sprintf("CSeq: %d REGISTER", p.cseq),
		fmt.Sprintf("Contact: <sip:%s@%s:%d>", user, lab.PhoneAddr, p.port),
		"Max-Forwards: 70", "Expires: 120", "User-Agent: Phone",
	}, headers...)
	request := []byte(strings.Join(append(lines, "Content-Length: 0", "", ""), "\r\n"))
	buf := make([]byte, 4096)
	wait := 500 * time.Millisecond // T1, doubled each time (RFC 3261, 17.1.2.1)
	for end := time.Now().Add(patience); time.Now().Before(end); wait *= 2 {
		if _, err := p.conn.Write(request); err != nil && !strings.Contains(err.Error(), "refused") {
			p.t.Fatal(err)
		}
		due := time.Now().Add(wait)
		_ = p.conn.SetReadDeadline(due)
		for time.Now().Before(due) {
			n, err := p.conn.Read(buf)
			if err != nil { // the time is over, or ICMP says that nobody listens: a phone tries on
				time.Sleep(min(50*time.Millisecond, time.Until(due)))
				continue
			}
			r := textproto.NewReader(bufio.NewReader(bytes.NewReader(buf[:n])))
			first, _ := r.ReadLine()
			header, _ := r.ReadMIMEHeader()
			code, _ := strconv.Atoi(strings.TrimPrefix(first[:min(len(first), 11)], "SIP/2.0 "))
			if code >= 200 && header.Get("Call-Id") == p.id && header.Get("Cseq") == fmt.Sprintf("%d REGISTER", p.cseq) {
				return reply{code, header}
			}
		}
	}
	return reply{}
}

func md5hex(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(sum[:])
}

// answer is the Authorization for a challenge (RFC 2617, 3.2.2).
func (p *scriptedPhone) answer(user, password string, r reply) string {
	host, _, _ := net.SplitHostPort(p.server)
	uri, nonce := "sip:"+host, r.param("nonce")
	ha1, ha2 := md5hex(user, r.param("realm"), password), md5hex("REGISTER", uri)
	head := fmt.Sprintf(`Authorization: Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=MD5`, user, r.param("realm"), nonce, uri)
	if o := r.param("opaque"); o != "" {
		head += fmt.Sprintf(`, opaque="%s"`, o)
	}
	if r.param("qop") == "" {
		return head + fmt.Sprintf(`, response="%s"`, md5hex(ha1, nonce, ha2))
	}
	return head + fmt.Sprintf(`, qop=auth, nc=00000001, cnonce="c", response="%s"`, md5hex(ha1, nonce, "00000001", "c", "auth", ha2))
}

// register asks, answers each challenge as often as tries says, and returns all
// responses.
func (p *scriptedPhone) register(user, password string, tries int) (list []reply) {
	p.t.Helper()
	r := p.ask(user, 4*time.Second)
	list = append(list, r)
	for ; tries > 0 && r.code == 401; tries-- {
		r = p.ask(user, 4*time.Second, p.answer(user, password, r))
		list = append(list, r)
	}
	return list
}

func codes(list []reply) (out []int) {
	for _, r := range list {
		out = append(out, r.code)
	}
	return out
}
