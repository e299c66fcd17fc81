package checks

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Schema names the JSON form of a Report. Changes are additive; the number
// grows only when a reader would break.
const Schema = "sipdoctor.report/1"

// Status is the outcome of one check, or of a whole report.
type Status string

// The statuses, from best to worst as Worse orders them; skip stands aside.
const (
	Pass         Status = "pass"
	Skip         Status = "skip"
	Warn         Status = "warn"
	Inconclusive Status = "inconclusive"
	Error        Status = "error"
	Fail         Status = "fail"
)

var rank = map[Status]int{Skip: 0, Pass: 1, Warn: 2, Inconclusive: 3, Error: 4, Fail: 5}

// Worse returns the worse of two statuses. Inconclusive is worse than a
// warning: it is never folded into a pass.
func Worse(a, b Status) Status {
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// Code is a status as a number, for programs that count: 0 pass, 1 warn, 2 fail,
// 3 inconclusive, 4 error, 5 skip, -1 one that this version does not know.
func (s Status) Code() int {
	return slices.Index([]Status{Pass, Warn, Fail, Inconclusive, Error, Skip}, s)
}

// Decided reports that a check came to an end: it passed, or found something.
func (s Status) Decided() bool { return s == Pass || s == Warn || s == Fail }

// Severity says how much a finding hurts.
type Severity string

// The severities. Critical fails the check, warning warns, info changes
// nothing.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// severityRank orders severities; one that this version does not know counts as
// information.
var severityRank = map[Severity]int{Critical: 2, Warning: 1}

// Compare orders severities, the worse first: it is negative if s is worse.
func (s Severity) Compare(other Severity) int { return severityRank[other] - severityRank[s] }

// WorstFirst sorts findings by severity; those of one severity stay as they are.
func WorstFirst(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int { return a.Severity.Compare(b.Severity) })
}

// Confidence says how sure a finding is.
type Confidence string

// The confidences: proved, best explanation of what was seen, one of several.
const (
	Certain  Confidence = "certain"
	Likely   Confidence = "likely"
	Possible Confidence = "possible"
)

// Finding is one thing that is wrong or worth knowing, with proof and cure.
type Finding struct {
	ID         string     `json:"id"` // stable: check ID, dot, kebab-case
	Severity   Severity   `json:"severity"`
	Confidence Confidence `json:"confidence"`
	// Variant picks the words where one ID has several, "expired": they stand
	// under ID.Variant.
	Variant string     `json:"variant,omitempty"`
	Args    words.Args `json:"args,omitempty"` // the values that title, explanation and advice name

	Title       string      `json:"title"`             // the fact; see Fill
	Explanation string      `json:"explanation"`       // what it means for phones; see Fill
	Place       Place       `json:"place,omitempty"`   // where on the path it is; see Fill
	Subject     string      `json:"subject,omitempty"` // whom it is about, where a check looks at several: an address
	Evidence    []Evidence  `json:"evidence"`
	Advice      []string    `json:"advice,omitempty"` // what works today; what not to do; see Fill
	Fixes       []fixes.Fix `json:"fixes"`            // alternatives, the best first

	// Ways are the ways around that the advice may name; see Advise.
	Ways []string `json:"-"`

	// Heard marks a finding that does not rest on silence. Any other is taken
	// back when the responder was too busy to answer, or when the check was
	// ended before its time.
	Heard bool `json:"-"`
}

// Place is where on the path from the phone to the far end a fault is. It stands beside
// the words of the finding; empty: on no path, as DNS, or nobody knows where.
type Place string

// The places.
const (
	PlaceHere    Place = "here"    // this machine, or its way to the router
	PlaceRouter  Place = "router"  // the office's router, unless it is something further on
	PlaceCarrier Place = "carrier" // the last NAT before the Internet
	PlaceServer  Place = "server"  // a SIP server, or just before it
)

// Evidence is one comparison that led to a finding. Got may hold bytes from
// strangers: renderers quote it.
type Evidence struct {
	Name string `json:"name"`
	Want string `json:"want,omitempty"` // what was sent, or should be
	Got  string `json:"got"`

	// Says holds the values "name", "want" and "got" that the sentences were
	// made of.
	Says words.Args `json:"says,omitempty"`
}

// Proof makes a piece of evidence. Each of the three is a value of a message
// (see words.Args): what was compared, what was sent or should be, what came.
// want may be nil.
func Proof(name, want, got any) Evidence {
	says := words.Args{"name": name, "got": got}
	if want != nil {
		says["want"] = want
	}
	return Evidence{Says: says}
}

// Says are the messages of which the sentences of a result or report were made.
type Says struct {
	Headline words.Text   `json:"headline,omitzero"`
	Summary  words.Text   `json:"summary,omitzero"`
	Reason   words.Text   `json:"reason,omitzero"`
	Notes    []words.Text `json:"notes,omitempty"`
}

// Result is what one check came to.
type Result struct {
	Check       string          `json:"check"`
	Group       string          `json:"group"`
	Title       string          `json:"title"`
	Status      Status          `json:"status"`
	StatusCode  *int            `json:"status_code,omitempty"` // see Status.Code
	Summary     string          `json:"summary"`
	Reason      string          `json:"reason"`       // why inconclusive, skipped or in error
	ExplainedBy string          `json:"explained_by"` // the check whose failure is the cause of this one's
	DurationMS  int64           `json:"duration_ms"`
	Observed    json.RawMessage `json:"observed"`
	Observes    string          `json:"observes,omitempty"` // the version of Observed
	Facts       any             `json:"facts"`
	Findings    []Finding       `json:"findings"`
	Notes       []string        `json:"notes,omitempty"` // what could not be read, while the rest stands
	Tables      []Table         `json:"tables,omitempty"`
	// Unasked: nothing that the user named was asked, so that an inconclusive
	// status decides neither headline nor exit status.
	Unasked bool `json:"unasked,omitempty"`
	Says    Says `json:"says,omitzero"`

	// NotFound are the names that the check could not look up.
	NotFound []string `json:"not_found,omitempty"`

	explains Reach // of the judgement
	own      bool  // this run has observed it

	// failure of observe, kept so that a report judged again does not forget it
	ObserveError *ObserveError `json:"observe_error,omitempty"`
}

// ObserveError is why an observation is missing or incomplete.
type ObserveError struct {
	Kind string      `json:"kind"` // unsupported, privilege, timeout, interrupted, network
	Text words.Cause `json:"text"`
}

// Tool names the program that made a report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// Report is the whole outcome of a run; everything shown to anyone is made
// from it alone.
type Report struct {
	Schema      string    `json:"schema"`
	Tool        Tool      `json:"tool"`
	Command     string    `json:"command"`
	Started     time.Time `json:"started"`
	DurationMS  int64     `json:"duration_ms"`
	Verdict     Status    `json:"verdict"`
	StatusCode  *int      `json:"status_code,omitempty"` // of Verdict, see Status.Code
	Headline    string    `json:"headline"`
	Interrupted bool      `json:"interrupted,omitempty"` // Ctrl-C: what was learnt until then
	Redacted    bool      `json:"redacted,omitempty"`    // addresses and names are stand-ins
	Slim        bool      `json:"slim,omitempty"`        // saved without what was observed; it cannot be judged again
	// Labels tell this report from others, such as the site; the user gave them.
	Labels  map[string]string `json:"labels,omitempty"`
	Host    *netinfo.Host     `json:"host"`
	Inputs  Inputs            `json:"inputs"`
	Says    Says              `json:"says,omitzero"`
	Results []Result          `json:"results"`
	// Symptom is the complaint that the run was to explain; nil: none.
	Symptom *Symptom `json:"symptom,omitempty"`
	// Twin is the office in which the checks ran, where it was rebuilt from a
	// router's configuration.
	Twin *Twin `json:"twin,omitempty"`
	// Beyond is the router after the host's; nil: none showed itself.
	Beyond *netinfo.Beyond `json:"beyond,omitempty"`
	// History are the changes while the checks were watched, the oldest first.
	History []Change `json:"history,omitempty"`
}

// Twin is an office that was rebuilt from the configuration of its router.
type Twin struct {
	Phone netip.Addr `json:"phone"`         // where the checks ran
	LAN   string     `json:"lan"`           // the router's interface there
	PBX   bool       `json:"pbx,omitempty"` // Phone is a PBX's, which was called from outside too
	// LeftOut is what of the configuration the office does not have.
	LeftOut []LeftOut `json:"left_out,omitempty"`
	// Assumed are the menus that the file does not tell, of which the office has
	// what RouterOS ships.
	Assumed []string `json:"assumed,omitempty"`
	// Typed are the commands that were typed into the router; Before is what the
	// checks had said until then. Empty: none were.
	Typed   []string  `json:"typed,omitempty"`
	Refused string    `json:"refused,omitempty"` // the command at which the router stopped, and why
	Before  []Outcome `json:"before,omitempty"`
}

// LeftOut is a rule, or all rows of a menu.
type LeftOut struct {
	Menu string `json:"menu"`
	Line int    `json:"line,omitempty"` // of the rule
	What string `json:"what,omitempty"` // the property of the rule that could not be rebuilt
	Rows int    `json:"rows"`
}

// Outcome is what a check came to.
type Outcome struct {
	Check    string   `json:"check"`
	Status   Status   `json:"status"`
	Findings []string `json:"findings,omitempty"` // their IDs
}

// Symptom is a complaint that a run was to explain, and what the results say of it.
type Symptom struct {
	ID      string            `json:"id"`
	Answers map[string]string `json:"answers,omitempty"` // by question
	Title   string            `json:"title"`
	Causes  []Cause           `json:"causes,omitempty"` // the most likely first
}

// Cause is something that can be behind a symptom.
type Cause struct {
	ID         string     `json:"id"`
	Title      string     `json:"title"`
	State      CauseState `json:"state"`
	Confidence Confidence `json:"confidence,omitempty"` // of a cause that was found
	Weight     int        `json:"weight"`               // orders those of one state
	Findings   []string   `json:"findings,omitempty"`   // their IDs
	// Undecided are the checks that could have ruled it out and did not come to
	// an end.
	Undecided []string `json:"undecided,omitempty"`
	// Passed: it comes and goes, and was not there while the checks ran.
	Passed bool   `json:"passed,omitempty"`
	Advice string `json:"advice,omitempty"` // how to find out, of one that is open
}

// CauseState is what is known of a cause.
type CauseState string

// The states of a cause.
const (
	CauseFound    CauseState = "found"
	CauseOpen     CauseState = "open"     // neither found nor ruled out
	CauseExcluded CauseState = "excluded" // the checks that find it passed
)

// Result returns the result of the named check, nil when it did not run.
func (r *Report) Result(id string) *Result {
	for i := range r.Results {
		if r.Results[i].Check == id {
			return &r.Results[i]
		}
	}
	return nil
}

// ReadReport reads a saved JSON report. The error names what is wrong with it
// and where.
func ReadReport(r io.Reader) (*Report, error) {
	var rep Report
	dec := json.NewDecoder(r)
	if err := dec.Decode(&rep); err != nil {
		return nil, fmt.Errorf("not a JSON report: %w", err)
	}
	if rep.Schema != Schema {
		return nil, fmt.Errorf("schema is %q, this program reads %q", rep.Schema, Schema)
	}
	return &rep, nil
}
