package sipalg

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is all that the probes saw.
type Observed struct {
	checks.Limited

	Local     netip.Addr      `json:"local,omitzero"`
	Responder *Responder      `json:"responder,omitempty"`
	Probes    []Probe         `json:"probes,omitempty"`
	Ports     []session.Owner `json:"ports,omitempty"` // who answers there
	Pinholes  []Pinhole       `json:"pinholes,omitempty"`
	Servers   []Server        `json:"servers,omitempty"`
	Public    []netip.Addr    `json:"public,omitempty"` // of older reports: our addresses by STUN
	Views     []View          `json:"views,omitempty"`  // where STUN servers and the responder see us
	Hops      []Hop           `json:"hops,omitempty"`   // --deep: where the message changes
	Notes     []words.Cause   `json:"notes,omitempty"`
}

// Responder is the far end that the probes went to.
type Responder struct {
	Addr        netip.Addr  `json:"addr"`
	Carrier     string      `json:"carrier"`
	Busy        []string    `json:"busy,omitempty"` // ports it could not serve
	ArrivalsErr words.Cause `json:"arrivals_error,omitempty"`
	// Translated: something translates addresses in front of the responder, so
	// that single ports may lead to another machine there.
	Translated bool `json:"translated,omitempty"`
}

// Probe is one SIP message sent clear, with everything both ends saw of it.
type Probe struct {
	ID        int            `json:"id"`
	Transport string         `json:"transport"` // udp tcp tls
	Port      int            `json:"port"`      // destination
	Plain     bool           `json:"plain"`     // the destination is not a SIP port: the control
	Source    string         `json:"source"`    // "fresh" or "5060"
	Message   string         `json:"message"`   // INVITE REGISTER OPTIONS BYE
	Variant   string         `json:"variant,omitempty"`
	Masked    bool           `json:"masked,omitempty"`  // the same bytes made unreadable: the control
	Inbound   bool           `json:"inbound,omitempty"` // the responder sent the request, we the answer
	Local     netip.AddrPort `json:"local,omitzero"`
	Remote    netip.AddrPort `json:"remote,omitzero"`
	Flow      int            `json:"flow,omitempty"`       // UDP: those with the same number shared a socket
	Again     bool           `json:"again,omitempty"`      // not planned: asked after something was lost
	ControlOf int            `json:"control_of,omitempty"` // the probe whose silence this one explains; it began no earlier
	Tries     int            `json:"tries"`
	Sent      Wire           `json:"sent,omitempty"`
	Withheld  bool           `json:"withheld,omitempty"` // not sent: the responder did not show itself at the port

	Known      bool           `json:"arrivals_known"` // the responder told what arrived
	Arrived    bool           `json:"arrived"`
	SeenFrom   netip.AddrPort `json:"seen_from,omitzero"`
	ArrivedAs  Wire           `json:"arrived_as,omitempty"` // empty when it arrived as sent
	Answered   bool           `json:"answered"`
	ReplySent  Wire           `json:"reply_sent,omitempty"`
	ReplyCame  Wire           `json:"reply_came,omitempty"` // empty when it came as sent
	ReplyFrom  netip.AddrPort `json:"reply_from,omitzero"`  // who answered, when it is not who was asked
	RTTMillis  float64        `json:"rtt_ms,omitempty"`
	Strays     int            `json:"strays,omitempty"` // datagrams that were not answers to us
	ErrorClass string         `json:"error_class,omitempty"`
	Error      words.Cause    `json:"error,omitempty"`
	ErrorHop   netip.Addr     `json:"error_hop,omitzero"`
	Answers    int            `json:"answers,omitempty"`     // of an inbound call: how often we answered it
	TLSForeign string         `json:"tls_foreign,omitempty"` // certificate that is not the responder's: its subject
}

// Pinhole is one test whether RTP gets in at a port that only the SDP named.
type Pinhole struct {
	Probe     int            `json:"probe"` // the INVITE
	Port      int            `json:"port"`  // destination port of that INVITE
	Plain     bool           `json:"plain"`
	Tries     int            `json:"tries"`
	SentTo    netip.AddrPort `json:"sent_to,omitzero"`
	Named     bool           `json:"named"`   // arrived at the named port
	Control   bool           `json:"control"` // arrived at a port that no SDP named: nothing filters here
	ControlOK bool           `json:"control_sent"`
	Error     words.Cause    `json:"error,omitempty"`
}

// View is where somebody outside sees one of our local addresses.
type View struct {
	Local netip.Addr `json:"local"`
	Seen  netip.Addr `json:"seen"`
	By    string     `json:"by"` // a STUN server, or "responder"
	// Second is the second router on the way to it, where that named itself.
	Second netip.Addr `json:"second_hop,omitzero"`
}

// Server is an ordinary SIP server asked without a responder's help.
type Server struct {
	Name string `json:"name"`
	// Unasked: it is one of the built-in servers, not one that the user named.
	Unasked bool           `json:"not_named,omitempty"`
	Error   words.Cause    `json:"error,omitempty"` // it could not be found at all
	Source  netip.Addr     `json:"source,omitzero"` // the local address that routing picks
	Answers []ServerAnswer `json:"answers,omitempty"`
	Hops    []Hop          `json:"hops,omitempty"` // what the first routers on the way got of a question
}

// ServerAnswer is one request over one transport.
type ServerAnswer struct {
	Transport string         `json:"transport"`
	Message   string         `json:"message,omitempty"` // INVITE BYE; empty: OPTIONS
	Local     netip.AddrPort `json:"local,omitzero"`
	Remote    netip.AddrPort `json:"remote"`
	From      netip.AddrPort `json:"answered_from,omitzero"` // where it is not Remote
	Tries     int            `json:"tries"`
	Sent      Wire           `json:"sent,omitempty"`
	Reply     Wire           `json:"reply,omitempty"`
	// ControlSent is the same request without our own address.
	ControlSent  Wire        `json:"control_sent,omitempty"`
	ControlReply Wire        `json:"control_reply,omitempty"`
	RTTMillis    float64     `json:"rtt_ms,omitempty"`
	ErrorClass   string      `json:"error_class,omitempty"`
	Error        words.Cause `json:"error,omitempty"`
}

// Hop is the answer to one TTL-limited INVITE: the message as the router at
// that distance quoted it.
type Hop struct {
	TTL     int        `json:"ttl"`
	Addr    netip.Addr `json:"addr,omitzero"`
	Quoted  int        `json:"quoted"`            // payload bytes in the quote
	Changed bool       `json:"changed"`           // they differ from what was sent
	Reached bool       `json:"reached,omitempty"` // this is the responder, and the quote is what arrived there
	Sent    Wire       `json:"sent,omitempty"`
	Quote   Wire       `json:"quote,omitempty"` // only when changed
}

// Wire is bytes off the wire. In JSON they are text where they are text, so
// that a report can be read and compared, and "base64:…" where they are not.
type Wire []byte

// MarshalJSON implements json.Marshaler.
func (w Wire) MarshalJSON() ([]byte, error) {
	if utf8.Valid(w) && !strings.HasPrefix(string(w), "base64:") {
		return json.Marshal(string(w))
	}
	return json.Marshal("base64:" + base64.StdEncoding.EncodeToString(w))
}

// UnmarshalJSON implements json.Unmarshaler.
func (w *Wire) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	enc, ok := strings.CutPrefix(s, "base64:")
	if !ok {
		*w = Wire(s)
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(enc)
	*w = raw
	return err
}
