package signalling

import (
	"net/netip"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is everything that was asked and answered.
type Observed struct {
	Servers   []Server  `json:"servers"`
	LeftOut   int       `json:"left_out,omitempty"` // servers beyond the limit, not asked
	LocalTime time.Time `json:"local_time"`         // this machine's clock at the start
	Clock     *Clock    `json:"clock,omitempty"`    // nil: nobody was to be asked
	Account   *Account  `json:"account,omitempty"`  // nil: none was given
}

// Server is one SIP server as the user or the profile named it.
type Server struct {
	Name   string      `json:"name"`
	Probes []Probe     `json:"probes"`
	Error  words.Cause `json:"error,omitempty"` // why there is nothing to ask: no-ipv4, no-ipv6, or the text of an error
}

// Probe is one transport to one address of a server.
type Probe struct {
	Transport string         `json:"transport"` // udp tcp tls ws wss
	Host      string         `json:"host"`      // whose address it is: the server, or an SRV record's target
	Remote    netip.AddrPort `json:"remote"`
	Local     netip.AddrPort `json:"local"`
	// Expected: the profile or an SRV record says that the server speaks this
	// transport here. The others are tried because phones can be set to them.
	Expected bool `json:"expected,omitempty"`
	// SRV is the place of Host in the order in which phones try the targets of
	// the domain's SRV record: 1 is the first; 0: not from an SRV record.
	SRV      int    `json:"srv,omitempty"`
	Options  Answer `json:"options"` // or to the BYE in its place
	Register Answer `json:"register"`
	// Connected: the TCP connection stood, whatever came after.
	Connected  bool        `json:"connected,omitempty"`
	Error      words.Cause `json:"error,omitempty"` // the text of an error, or a code of a WebSocket
	ErrorClass string      `json:"error_class,omitempty"`
	ErrorHop   netip.Addr  `json:"error_hop,omitzero"`
	Strays     int         `json:"strays,omitempty"` // datagrams that answered nothing
	TLS        *TLS        `json:"tls,omitempty"`
	Path       string      `json:"path,omitempty"`        // of the WebSocket
	HTTPStatus int         `json:"http_status,omitempty"` // of a refused WebSocket
}

// Answer is what came of one request.
type Answer struct {
	Tries     int            `json:"tries,omitempty"`
	Sent      []byte         `json:"sent,omitempty"`  // the request that was answered; it has no credentials
	Reply     []byte         `json:"reply,omitempty"` // the final response as it came
	From      netip.AddrPort `json:"from,omitzero"`   // who answered, when it is not who was asked
	RTTMillis float64        `json:"rtt_ms,omitempty"`
}

// TLS is a handshake and the certificate that came with it.
type TLS struct {
	Error       words.Cause `json:"error,omitempty"` // why the handshake failed
	Version     string      `json:"version,omitempty"`
	Subject     string      `json:"subject,omitempty"`
	Issuer      string      `json:"issuer,omitempty"`
	Names       []string    `json:"names,omitempty"` // the hosts it is for
	NotBefore   time.Time   `json:"not_before,omitzero"`
	NotAfter    time.Time   `json:"not_after,omitzero"`
	SelfSigned  bool        `json:"self_signed,omitempty"`
	CheckedName string      `json:"checked_name,omitempty"`
	// DomainBy and HostBy are how the certificate names the SIP domain, and the
	// host that an SRV record leads to: by name, by wildcard, or not at all.
	DomainBy string `json:"domain_by,omitempty"`
	HostBy   string `json:"host_by,omitempty"`
	// ChainError is what is wrong with the chain at a time within the
	// certificate's own dates: unknown-authority, or the text of an error.
	ChainError words.Cause `json:"chain_error,omitempty"`
	Sent       int         `json:"certificates_sent,omitempty"` // the leaf included
	At         time.Time   `json:"at,omitzero"`                 // this machine's clock
}

// Clock is this machine's clock against an NTP server's.
type Clock struct {
	Server       string      `json:"server"`
	Addr         netip.Addr  `json:"addr,omitzero"`
	OffsetMillis int64       `json:"offset_ms"` // what must be added to this machine's clock
	RTTMillis    float64     `json:"rtt_ms,omitempty"`
	Stratum      int         `json:"stratum,omitempty"`
	Tries        int         `json:"tries,omitempty"`
	Error        words.Cause `json:"error,omitempty"`
}

func (c *Clock) offset() time.Duration { return platform.Milliseconds(c.OffsetMillis) }

// Account is the one real registration. Neither the password nor anything
// computed from it is kept.
type Account struct {
	Address   string         `json:"address"` // sip:user@domain
	Server    string         `json:"server,omitempty"`
	Transport string         `json:"transport,omitempty"`
	Remote    netip.AddrPort `json:"remote,omitzero"`
	Algorithm string         `json:"algorithm,omitempty"` // of the challenge
	// First is the answer to the REGISTER without credentials, Second to the
	// one with them, Removed to the one that takes the registration back.
	First   *Response `json:"first,omitempty"`
	Second  *Response `json:"second,omitempty"`
	Removed *Response `json:"removed,omitempty"`
	Bound   *Bound    `json:"bound,omitempty"` // nil: not registered, or not told
	// Unsupported is why the challenge was not answered: no-challenge,
	// algorithm, or the text of an error.
	Unsupported words.Cause `json:"unsupported,omitempty"`
	Error       words.Cause `json:"error,omitempty"` // no-server, no-answer, or the text of an error
}

// Response is a final response without what might identify other devices.
type Response struct {
	Code    int    `json:"code"`
	Phrase  string `json:"phrase,omitempty"`
	Server  string `json:"server,omitempty"`
	Warning string `json:"warning,omitempty"`
	Stale   bool   `json:"stale,omitempty"`
}

func answerOf(r *probe.Ask) Answer {
	a := Answer{Tries: r.Tries, Reply: r.Reply, From: r.From}
	if r.Reply != nil {
		a.Sent, a.RTTMillis = r.Payload(), probe.Millis(r.RTT)
	}
	return a
}

// maxText bounds what is kept of a text that a server chose, in runes.
const maxText = 200

// readResponse reads what the report shows of a reply.
func readResponse(b []byte) (r Response, ok bool) {
	m, err := sip.Parse(b)
	if err != nil || m.Status == 0 {
		return Response{}, false
	}
	r.Code = m.Status
	if parts := strings.SplitN(string(m.Start), " ", 3); len(parts) == 3 {
		r.Phrase = cut(parts[2])
	}
	for _, name := range []string{"server", "user-agent"} {
		if h := m.Get(name); h != nil && r.Server == "" {
			r.Server = cut(string(h.Value))
		}
	}
	if h := m.Get("warning"); h != nil {
		r.Warning = cut(string(h.Value))
	}
	for _, c := range m.Challenges() {
		r.Stale = r.Stale || c.Stale
	}
	return r, true
}

func cut(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > maxText {
		return string(r[:maxText]) + "…"
	}
	return s
}
