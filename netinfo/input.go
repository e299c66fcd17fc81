package netinfo

import "fmt"

// An InputError is a mistake in what somebody typed: which one, and in what
// text. Error says it in English.
type InputError struct {
	Problem     InputProblem
	Text        string // the part that is wrong
	First, Last int    // of BadRange
}

// InputProblem is a kind of mistake.
type InputProblem string

// The mistakes.
const (
	BadHost      InputProblem = "host"       // not a name, an address, or one of them with a port
	BadScheme    InputProblem = "scheme"     // "sip:" in front of a server
	BadPort      InputProblem = "port"       // not 1-65535
	BadPorts     InputProblem = "ports"      // not a port and not a range of ports
	BadOrder     InputProblem = "order"      // a range whose lower end is not the first
	BadRangePort InputProblem = "range-port" // BadPort, where a range is wanted
	BadRange     InputProblem = "range"      // BadOrder, with the numbers
)

func (e *InputError) Error() string {
	switch e.Problem {
	case BadScheme:
		return fmt.Sprintf("write the server without %q", e.Text)
	case BadPort:
		return fmt.Sprintf("port %q is not a port number (1-65535)", e.Text)
	case BadPorts:
		return fmt.Sprintf("%q is no port and no range of ports like 10000-20000", e.Text)
	case BadOrder:
		return fmt.Sprintf("%q: the lower end must come first", e.Text)
	case BadRangePort:
		return fmt.Sprintf("port %q is not a port number (1-65535); write FIRST-LAST, such as 10000-65535", e.Text)
	case BadRange:
		return fmt.Sprintf("the range ends (%d) before it begins (%d); write %d-%d", e.Last, e.First, e.Last, e.First)
	}
	return "not a host name or address; write one such as pbx.example.net, 192.0.2.10:5060 or [2001:db8::1]:5060"
}
