package capture

import (
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Observed is what was read. Times are microseconds since Begin.
type Observed struct {
	Files  []File `json:"files"`
	Begin  int64  `json:"begin_ns"` // nanoseconds since 1970; 0: the capture has no times
	Length int64  `json:"length_us"`

	Packets   int            `json:"packets"`
	Skipped   Skipped        `json:"skipped,omitzero"`
	Messages  int            `json:"sip_messages"`
	Requests  map[string]int `json:"requests"`
	Responses map[int]int    `json:"responses"`
	CutSIP    int            `json:"cut_sip,omitempty"` // messages of which the capture kept only a part
	Dialogs   []Dialog       `json:"dialogs"`
	Streams   []Stream       `json:"streams"`
	Folded    Folded         `json:"folded,omitzero"`
	RTCP      int            `json:"rtcp,omitempty"`
	STUN      int            `json:"stun,omitempty"`
	Fax       []Flow         `json:"fax,omitempty"`
	Refused   []Refused      `json:"refused,omitempty"` // what ICMP says about SIP and RTP
	TLS       []Encrypted    `json:"tls,omitempty"`     // connections that may carry SIP
	LostTCP   int            `json:"lost_tcp,omitempty"`
	// Passed is what this capture holds twice: as it came to a device, and as the
	// device sent it on.
	Passed   Passage     `json:"passed,omitzero"`
	Compared *Comparison `json:"compared,omitempty"`
	Served   *Served     `json:"served,omitempty"` // where a provider says that its audio is; nil: no profile was named
}

// Served is what a provider's profile says of its media.
type Served struct {
	Profile string              `json:"profile"`
	Subnets []netip.Prefix      `json:"subnets"`
	Ranges  []netinfo.PortRange `json:"ranges"`
}

// File is one capture file.
type File struct {
	Name    string      `json:"name"`
	Packets int         `json:"packets"` // of a text: messages
	Text    bool        `json:"text,omitempty"`
	Drops   uint64      `json:"drops,omitempty"` // that the capturing machine admits
	Error   words.Cause `json:"error,omitempty"` // why it was not read to the end
	Offset  int64       `json:"offset,omitempty"`
}

// Skipped counts packets that were not taken apart.
type Skipped struct {
	Cut        int         `json:"cut,omitempty"`
	OtherLink  map[int]int `json:"other_link,omitempty"` // by link type
	NotIP      int         `json:"not_ip,omitempty"`
	OtherIP    int         `json:"other_ip,omitempty"`
	Malformed  int         `json:"malformed,omitempty"`
	Incomplete int         `json:"incomplete,omitempty"` // datagrams of which fragments are missing
}

// Dialog is all messages of one Call-ID.
type Dialog struct {
	CallID   string    `json:"call_id"`
	Messages []Message `json:"messages"`
	Left     int       `json:"left,omitempty"` // messages beyond the limit
}

// Message is what matters of one SIP message.
type Message struct {
	Frame     int            `json:"frame"` // or the line, of a text
	Line      bool           `json:"line,omitempty"`
	At        int64          `json:"at_us"`
	Src       netip.AddrPort `json:"src"`
	Dst       netip.AddrPort `json:"dst"`
	Transport string         `json:"transport"` // udp tcp ws
	Interface int            `json:"interface,omitempty"`
	TTL       uint8          `json:"ttl,omitempty"`
	TOS       uint8          `json:"tos,omitempty"`
	Out       bool           `json:"out,omitempty"` // the capturing machine sent it
	In        bool           `json:"in,omitempty"`  // the capturing machine got it, to keep or to pass on
	// Again is how often the same bytes followed on the same way, and Last when
	// the last of them did.
	Again int   `json:"again,omitempty"`
	Last  int64 `json:"last_us,omitempty"`

	Method string `json:"method"` // of a request, or of what a response answers
	Status int    `json:"status,omitempty"`
	Phrase string `json:"phrase,omitempty"` // of a response
	URI    string `json:"uri,omitempty"`    // of a request
	CSeq   uint32 `json:"cseq"`

	Via     string `json:"via,omitempty"` // the topmost, as it stands
	Vias    int    `json:"vias,omitempty"`
	From    Party  `json:"from"`
	To      Party  `json:"to"`
	Contact string `json:"contact,omitempty"`
	// Contacts are those of the answer to a REGISTER: all that are registered.
	Contacts []string `json:"contacts,omitempty"`
	Route    []string `json:"record_route,omitempty"`
	Agent    string   `json:"agent,omitempty"` // User-Agent or Server
	// Says are the header fields that explain a response: Reason, Warning,
	// Retry-After, X-Asterisk-HangupCause and the like, as "Name: value".
	Says []string `json:"says,omitempty"`

	Expires    int         `json:"expires,omitempty"` // seconds, of REGISTER and its answer
	Challenge  *Challenge  `json:"challenge,omitempty"`
	Authorized *Authorized `json:"authorized,omitempty"`
	SDP        *SDP        `json:"sdp,omitempty"`

	// Content is the Content-Type of a body that is no session description.
	Content string `json:"content,omitempty"`

	Length int         `json:"content_length"` // as the header says; -1: it does not
	Body   int         `json:"body"`           // bytes that arrived, without white space behind Length
	Faults []sip.Fault `json:"faults,omitempty"`
	Cut    bool        `json:"cut,omitempty"`

	callID  string // of one that is compared
	untimed bool   // of a text that does not say when it was, or only to the second
}

// Party is one end of a dialog.
type Party struct {
	URI string `json:"uri,omitempty"`
	Tag string `json:"tag,omitempty"`
}

// Challenge is what a 401 or 407 asks. Nonce and Opaque are short hashes: equal
// ones are the same.
type Challenge struct {
	Realm  string `json:"realm"`
	Nonce  string `json:"nonce"`
	Opaque string `json:"opaque,omitempty"`
	Stale  bool   `json:"stale,omitempty"`
	Scheme string `json:"scheme,omitempty"` // where it is not Digest
}

// Authorized is what a request proves.
type Authorized struct {
	User  string `json:"user"`
	Realm string `json:"realm"`
	Nonce string `json:"nonce"`
}

// SDP is a session description.
type SDP struct {
	Origin  string  `json:"origin,omitempty"`  // the address of o=
	Session string  `json:"session,omitempty"` // its number in o=
	Media   []Media `json:"media"`
}

// Media is one m= line with what applies to it.
type Media struct {
	Kind      string   `json:"kind"` // audio, video, image
	Addr      string   `json:"addr"` // as c= says
	Port      int      `json:"port"`
	Protocol  string   `json:"protocol"` // RTP/AVP, RTP/SAVP, udptl
	Codecs    []Codec  `json:"codecs,omitempty"`
	Direction string   `json:"direction,omitempty"` // empty: sendrecv
	Ptime     int      `json:"ptime,omitempty"`
	RTCP      string   `json:"rtcp,omitempty"`
	Keys      bool     `json:"keys,omitempty"` // a=crypto or a=fingerprint
	ICE       bool     `json:"ice,omitempty"`
	Formats   []string `json:"formats,omitempty"` // of what is no RTP
}

// Codec is one payload type of RTP.
type Codec struct {
	Type uint8  `json:"type"`
	Name string `json:"name"` // "PCMU/8000"
}

// Stream is one RTP stream: what one end sends another with one SSRC.
type Stream struct {
	SSRC     uint32         `json:"ssrc"`
	Src      netip.AddrPort `json:"src"`
	Dst      netip.AddrPort `json:"dst"`
	First    int            `json:"first_frame"`
	Begin    int64          `json:"begin_us"`
	End      int64          `json:"end_us"`
	Payloads map[int]int    `json:"payloads"` // packets by payload type
	Rate     int            `json:"rate"`     // of the clock, Hz
	TOS      []uint8        `json:"tos"`

	TTL      uint8  `json:"ttl,omitempty"`       // of the first packet
	FirstSeq uint16 `json:"first_seq,omitempty"` // its sequence number

	Packets   int     `json:"packets"`
	Expected  int     `json:"expected"` // by the sequence numbers
	Duplicate int     `json:"duplicate,omitempty"`
	Late      int     `json:"late,omitempty"` // arrived after one that was sent later
	Cut       int     `json:"cut,omitempty"`  // of which the capture kept only a part
	JitterMS  float64 `json:"jitter_ms"`      // RFC 3550, 6.4.1, the mean over the stream
	MaxJitter float64 `json:"max_jitter_ms"`
	// MaxGapMS is the longest time without a packet, where the sender was not silent:
	// it neither marked a new talk spurt nor let its timestamp run on. It begins at
	// MaxGapAt.
	MaxGapMS float64 `json:"max_gap_ms"`
	MaxGapAt int64   `json:"max_gap_at_us,omitempty"`
	Restarts int     `json:"restarts,omitempty"`
	Bursts   int     `json:"bursts,omitempty"`    // runs of lost packets, single ones too
	BurstMax int     `json:"burst_max,omitempty"` // packets in the longest
	Gaps     int     `json:"gaps,omitempty"`      // runs of four and more
	PtimeMS  float64 `json:"ptime_ms,omitempty"`  // audio in a packet; 0: it varies
	// Silent are packets of G.711 in which all bytes are the same, and say silence:
	// SilentByte.
	Silent     int   `json:"silent,omitempty"`
	SilentByte uint8 `json:"silent_byte,omitempty"`
	// Keys is how many keys were pressed (RFC 4733); which is not kept.
	Keys int `json:"keys,omitempty"`
	// Tones are keys that are heard in G.711, Both those of them that came while events
	// were sent.
	Tones int `json:"tones,omitempty"`
	Both  int `json:"both,omitempty"`
	// Transit is the least time that packets took in each eighth of the stream,
	// against the first packet, by the clocks of the capture and of the sender.
	Transit []int  `json:"transit_us,omitempty"`
	Strip   Strip  `json:"strip"`
	Far     *Heard `json:"far,omitempty"` // as its receiver says
}

// Heard is what the receiver of a stream reports of it (RTCP, RFC 3550 section 6.4).
// Numbers are those of the time between its first and its last report.
type Heard struct {
	Reports   int     `json:"reports"`
	Frame     int     `json:"frame"` // of the last
	Expected  int     `json:"expected"`
	Lost      int     `json:"lost"`
	WorstPct  float64 `json:"worst_pct"` // lost between two reports, at most
	JitterMS  float64 `json:"jitter_ms"` // the mean of the reports
	MaxJitter float64 `json:"max_jitter_ms"`
	// RTTMS is the shortest way from the place of the capture to the receiver and
	// back; 0: not known.
	RTTMS float64 `json:"rtt_ms,omitempty"`
}

// Flow is what one end sends another that is no RTP: fax (UDPTL).
type Flow struct {
	Src     netip.AddrPort `json:"src"`
	Dst     netip.AddrPort `json:"dst"`
	First   int            `json:"first_frame"`
	Begin   int64          `json:"begin_us"`
	End     int64          `json:"end_us"`
	Packets int            `json:"packets"`
}

// Refused are datagrams of which ICMP says that they were not delivered.
type Refused struct {
	Src netip.AddrPort `json:"src"` // of the datagrams
	Dst netip.AddrPort `json:"dst"`
	By  netip.Addr     `json:"by"`
	// Port: nobody listens there. Filtered: a filter forbids it. Neither: the host or
	// its network cannot be reached.
	Port     bool `json:"port,omitempty"`
	Filtered bool `json:"filtered,omitempty"`

	First int   `json:"first_frame"`
	Begin int64 `json:"begin_us"`
	End   int64 `json:"end_us"`
	Count int   `json:"count"`
}

// Encrypted is a TLS connection.
type Encrypted struct {
	Src  netip.AddrPort `json:"src"`
	Dst  netip.AddrPort `json:"dst"`
	Name string         `json:"name,omitempty"` // that the client asked for
}
