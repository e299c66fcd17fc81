package checks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Silence of the responder is a fact about the network only when the responder
// heard the question and was free to answer. So every check that uses it stores
// what it left undone because of its own limits (Limited), and no check can
// forget that: Define asks for it, refuses an observation that has no place for
// it, and takes back every finding that rests on silence.

// Limited is embedded in what a check observes with the help of a responder.
type Limited struct {
	// Far is what the responder said of itself after the check; nil when the
	// check did not use it.
	Far *FarEnd `json:"responder_limits,omitempty"`
}

// FarEnd is what a responder left undone during a check, and whether UDP
// reaches it at all.
type FarEnd struct {
	session.LimitsReply
	Carrier string      `json:"carrier,omitempty"`   // of the control channel
	Ports   string      `json:"udp_ports,omitempty"` // where it listens for UDP
	Untold  words.Cause `json:"untold,omitempty"`    // why it could not be asked
	// LateHere counts the moments at which this program itself was not given
	// the processor: what came then may have been taken for late.
	LateHere int `json:"late_here,omitempty"`
	// ElapsedMS is how long the observation took.
	ElapsedMS int64 `json:"elapsed_ms,omitempty"`
}

// lateOnceIn is how often one late moment is nothing: a check that takes
// minutes repeats its questions often enough to outlive a few of them.
const lateOnceIn = 30 * time.Second

// counts are the limits that matter for a check of that length, and how often
// this program itself was late.
func (f *FarEnd) counts() (l session.Limits, here int) {
	spared := int(time.Duration(f.ElapsedMS) * time.Millisecond / lateOnceIn)
	l = f.Limits
	l.Late = max(0, l.Late-spared)
	return l, max(0, f.LateHere-spared)
}

func (l *Limited) limits() *Limited { return l }

// limited is an observation that embeds Limited.
type limited interface{ limits() *Limited }

// Busy is why the responder's silence proves nothing; the zero Text when it
// does. It may be called on nil.
func (f *FarEnd) Busy() words.Text {
	if f == nil {
		return words.Text{}
	}
	l, here := f.counts()
	switch {
	case f.Untold != "":
		return words.Say("checks.busy.untold", words.Args{"why": f.Untold})
	case l.Silent() == 0 && here > 0:
		return words.Say("checks.busy.here", words.Args{"late": here})
	case l.Silent() == 0:
		return words.Text{}
	}
	var parts []words.Text
	for _, part := range []struct {
		what string
		n    int
	}{
		{"messages", l.Messages}, {"records", l.Records}, {"answers", l.Answers}, {"questions", l.Questions},
		{"connections", l.Connections}, {"ports", l.Ports}, {"overflow", l.Overflow}, {"late", l.Late},
	} {
		if part.n > 0 {
			parts = append(parts, words.Say("checks.busy.count", words.Args{"what": part.what, "n": part.n}))
		}
	}
	return words.Say("checks.busy.responder", words.Args{"counts": parts})
}

// NoUDP is what to say when no UDP datagram of the whole run has reached a
// responder that answers over TCP, nor anybody else's: the zero Text otherwise.
// It may be called on nil.
func (f *FarEnd) NoUDP() words.Text {
	if f == nil || f.Untold != "" || f.Carrier != "https" || f.UDP > 0 || f.OthersUDP {
		return words.Text{}
	}
	return words.Say("checks.reason.no-udp", words.Args{"ports": f.Ports})
}

// doubt takes back what a judgement bases on silence that may be the
// responder's own.
func (f *FarEnd) doubt(j Judgement) Judgement {
	busy := f.Busy()
	why := busy
	if why.IsZero() {
		why = f.NoUDP()
	}
	if why.IsZero() {
		return j
	}
	var kept []Finding
	for i := range j.Findings {
		if fd := &j.Findings[i]; fd.Heard {
			kept = append(kept, *fd)
		}
	}
	taken := len(kept) < len(j.Findings)
	if !taken && j.Inconclusive.IsZero() {
		return j // nothing rests on silence
	}
	j.Findings = kept
	j.Inconclusive = joinReasons(why, j.Inconclusive)
	if taken && f.Untold == "" {
		j.Facts, j.Summary = nil, f.summary()
	}
	j.busy = !busy.IsZero()
	return j
}

// joinReasons puts the cause before its effect, unless that names it already.
func joinReasons(why, was words.Text) words.Text {
	switch {
	case was.IsZero():
		return why
	case was.Names(why.ID):
		return was
	}
	return words.Say("checks.reason.and", words.Args{"reasons": []words.Text{why, was}})
}

func (f *FarEnd) summary() words.Text {
	who := "nobody"
	switch l, here := f.counts(); {
	case l.Silent() > 0:
		who = "responder"
	case here > 0:
		who = "here"
	}
	return words.Say("checks.summary.busy", words.Args{"who": who})
}

// define makes the two halves of a check of what O observes.
func define[O any](c *Check, observe func(context.Context, *Env) (O, error), judge func(O, *netinfo.Host, Others) Judgement) {
	c.book = sync.OnceValue(func() *words.Book { return BookOf([]*Check{c}) })
	c.observes = versionOf[O]()
	c.nothing, _ = json.Marshal(*new(O)) // an observation that cannot be written is found by its first run
	c.observe = func(ctx context.Context, env *Env) (json.RawMessage, *FarEnd, error) {
		begin := time.Now()
		o, err := observe(ctx, env)
		elapsed := time.Since(begin)
		far := usesOf(ctx).ask(ctx, env)
		if far != nil {
			far.ElapsedMS = elapsed.Milliseconds()
		}
		if l, ok := any(&o).(limited); ok {
			l.limits().Far = far
		} else if far != nil {
			return nil, nil, fmt.Errorf("%w: %s uses the responder, but what it observes does not embed checks.Limited", errMistake, c.ID)
		}
		raw, jerr := json.Marshal(o)
		if jerr != nil {
			return nil, nil, fmt.Errorf("storing what %s observed: %w", c.ID, jerr)
		}
		return raw, far, err
	}
	if _, ok := any(*new(O)).(settler[O]); ok {
		c.settle = func(raw json.RawMessage) (json.RawMessage, error) {
			var o O
			if err := decodeStrictly(raw, &o); err != nil {
				return nil, fmt.Errorf("reading what %s observed: %w", c.ID, err)
			}
			return json.Marshal(any(o).(settler[O]).Settle())
		}
	}
	c.judge = func(raw json.RawMessage, own bool, h *netinfo.Host, others Others) (Judgement, error) {
		var o O
		read := decodeStrictly
		if own {
			read = decodeOwn
		}
		if err := read(raw, &o); err != nil {
			return Judgement{}, fmt.Errorf("reading what %s observed: %w", c.ID, err)
		}
		j := judge(o, h, others)
		if l, ok := any(&o).(limited); ok {
			j = l.limits().Far.doubt(j)
		}
		return j, nil
	}
}

// errMistake is a mistake in a check.
var errMistake = errors.New("internal error")
