package capture

import (
	"time"
)

// A Ladder is one call as it went: who sent what to whom, the session descriptions in
// force and the audio between the messages. It is made of an observation alone, so
// that a saved report has it as well.
type Ladder struct {
	CallID string `json:"call_id"`
	Row    int    `json:"row,omitempty"` // of the table of calls; 0: it is no call
	From   string `json:"from"`
	To     string `json:"to"`
	// Outcome and Code are those of the facts.
	Outcome string      `json:"outcome"`
	Code    int         `json:"code,omitempty"`
	Begin   time.Time   `json:"begin,omitzero"` // of the call; zero where the capture has no times
	Ends    []LadderEnd `json:"ends"`
	Steps   []Step      `json:"steps"`
	Left    int         `json:"left,omitempty"` // messages that the observation did not keep
}

// LadderEnd is one end of the ladder.
type LadderEnd struct {
	Address string `json:"address"`         // with the port where one address is several ends; empty: not told
	Agent   string `json:"agent,omitempty"` // as it calls itself
}

// Step is what happened at a time, in seconds since the begin of the call. One of its
// parts is there.
type Step struct {
	AtS     float64  `json:"at_s"`
	Message *Sent    `json:"message,omitempty"`
	Session *Session `json:"session,omitempty"`
	Audio   *Carried `json:"audio,omitempty"`
}

// Sent is a SIP message.
type Sent struct {
	Frame  int     `json:"frame"`
	From   int     `json:"from"` // number of the end, from 0
	To     int     `json:"to"`
	Method string  `json:"method,omitempty"` // of a request
	URI    string  `json:"uri,omitempty"`
	Status int     `json:"status,omitempty"`
	Phrase string  `json:"phrase,omitempty"`
	CSeq   uint32  `json:"cseq"`
	Media  string  `json:"media,omitempty"` // where its session description wants audio, and how
	Again  int     `json:"again,omitempty"` // how often the same followed
	LastS  float64 `json:"last_s,omitempty"`
}

// Session is what two session descriptions agree on.
type Session struct {
	Codec  string `json:"codec,omitempty"`
	Caller string `json:"caller"` // address and port
	Called string `json:"called"`
	Up     bool   `json:"up"` // audio from the caller was agreed
	Down   bool   `json:"down"`
	Early  bool   `json:"early,omitempty"` // before the answer
}

// Carried is a stream during one session.
type Carried struct {
	Up      bool    `json:"up"` // from the caller
	From    string  `json:"from"`
	To      string  `json:"to"`
	Payload string  `json:"payload"`
	UntilS  float64 `json:"until_s"`
	Packets int     `json:"packets"`
	Lost    int     `json:"lost"`
	Jitter  float64 `json:"jitter_ms"` // of the whole stream
	MOS     float64 `json:"mos"`
	Strip   Strip   `json:"strip"`            // of this session
	Astray  bool    `json:"astray,omitempty"` // it goes where nobody asked for it
}
