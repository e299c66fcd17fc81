// Package checks is the vocabulary of the program: what a check is, how a run
// of checks becomes a report, and how a saved report is judged again.
package checks

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// A Check answers one question about a network or a machine. It is made by
// Define and never changes afterwards.
type Check struct {
	ID      string        // stable, lower-kebab-case: argument, JSON key, doc anchor; the folder without dashes
	Group   string        // "office", "pbx", "router", "evidence"
	Timeout time.Duration // the longest that observe may take; the runner enforces it
	Assumes []string      // checks whose failure already explains this one's
	Slow    bool          // runs only when it is named, or with --deep: it takes minutes
	Words   []byte        // the words.yaml beside it; Title and Doc stand there
	Profile bool          // runs only when it is named, or when a provider's profile is
	Bundle  bool          // "check --root" answers it too: a saved machine tells all it needs
	Heavy   bool          // sends hundreds of packets a second, or a call: "check --watch" makes it less often
	AsksSIP bool          // asks SIP servers of others, if some are named or no responder is; "check --watch" spares them

	observe func(context.Context, *Env) (json.RawMessage, *FarEnd, error)
	judge   func(raw json.RawMessage, own bool, h *netinfo.Host, others Others) (Judgement, error)
	settle  func(json.RawMessage) (json.RawMessage, error) // see Settle; nil: nothing to settle

	book     func() *words.Book // its words, read once
	observes string             // the version of what it observes
	nothing  json.RawMessage    // an observation that saw nothing
}

// Judgement is what a judge concludes from an observation. The status follows
// from it: the worst finding decides; without a critical finding a non-empty
// Inconclusive or Skip decides.
type Judgement struct {
	Summary      words.Text   // the fact, in one line: "SIP passes unchanged on UDP 5060, TCP 5060 and TLS 5061"
	Facts        any          // the stable, typed summary (CONTRACT: facts of the check)
	Findings     []Finding    // worst first
	Inconclusive words.Text   // why it could not be told; silence is never a pass
	Skip         words.Text   // why there was nothing to ask
	Notes        []words.Text // what could not be read or was not understood, while the rest stands
	Tables       []Table      // what there is to look at beside the findings

	// Headline is what the report says of an inconclusive check instead of that
	// it could not be told: how far it got. Where a question was asked, it is the
	// answer as the report's first line. Empty: nothing better than Summary.
	Headline words.Text

	// Unasked: only public servers that the user did not name were asked, so
	// what they could not tell decides neither headline nor exit status. It
	// counts where the check itself was named.
	Unasked bool
	// KnowsUnasked says that the judge itself tells what was not asked from what
	// was silent: its findings stand when the check was ended early.
	KnowsUnasked bool

	// Explains is how far a failure of this check explains the checks that
	// assume it.
	Explains Reach

	busy bool // the responder's limits stand in the way of a verdict
}

// Reach is how far a failure explains what the checks that assume it came to.
type Reach int

const (
	// ReachFaults marks whatever they came to that is not a pass.
	ReachFaults Reach = iota
	// ReachAll says that nothing of theirs was testable: what they blame is
	// taken back, because the blame lies here.
	ReachAll
	// ReachUntold marks only what they could not tell.
	ReachUntold
	// ReachNames marks only what they could not tell for want of an address.
	ReachNames
)

// Title returns the message that says the healthy state: "SIP passes unchanged".
func (c *Check) Title() words.Text { return words.Say(c.ID+".title", nil) }

// Doc returns the message that explains the check: what is sent, to whom, and
// what each verdict means. Its first line is a summary.
func (c *Check) Doc() words.Text { return words.Say(c.ID+".doc", nil) }

// Define completes c with its two halves. O is what the check observes; it is
// stored in the report as JSON, so that judge can run again on a saved report.
// observe touches the network or the machine and decides nothing; judge
// decides and touches nothing. observe returns an error only when it could
// not tell; what it learnt until then is returned beside the error and kept.
func Define[O any](c Check, observe func(context.Context, *Env) (O, error), judge func(O, *netinfo.Host) Judgement) *Check {
	define(&c, observe, func(o O, h *netinfo.Host, _ Others) Judgement { return judge(o, h) })
	return &c
}

// Others gives a judge the result of another check of the same report: what it
// observed and, if it stands before in reported order, what was said of it. It
// returns nil for one that is not there.
type Others func(id string) *Result

// DefineBeside is Define for a check whose judge looks at others as well.
func DefineBeside[O any](c Check, observe func(context.Context, *Env) (O, error), judge func(O, *netinfo.Host, Others) Judgement) *Check {
	define(&c, observe, judge)
	return &c
}

func alone(string) *Result { return nil }
