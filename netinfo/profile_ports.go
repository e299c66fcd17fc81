package netinfo

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// PortRange is one port or several in a row, both ends included; in text and
// in files "5060" or "10000-65535".
type PortRange struct{ First, Last int }

// ParsePortRange reads "5060" or "10000-65535". The ends must be ports, the
// lower one first.
func ParsePortRange(s string) (PortRange, error) {
	first, last, two := strings.Cut(s, "-")
	if !two {
		last = first
	}
	a, aerr := strconv.ParseUint(first, 10, 16)
	b, berr := strconv.ParseUint(last, 10, 16)
	switch {
	case aerr != nil || berr != nil || a == 0 || b == 0:
		return PortRange{}, fmt.Errorf("%q is neither a port nor a range of ports such as 10000-20000", s)
	case a > b:
		return PortRange{}, fmt.Errorf("%q: the lower end must come first", s)
	}
	return PortRange{int(a), int(b)}, nil
}

// ParseMediaRange reads FIRST-LAST, or one port, as people type it for RTP. Its
// error says what to write.
func ParseMediaRange(s string) (PortRange, error) {
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	var ends [2]int
	for i, t := range []string{from, to} {
		ends[i], _ = strconv.Atoi(strings.TrimSpace(t)) // 0 when it is not a number
		if ends[i] < 1 || ends[i] > 65535 {
			return PortRange{}, fmt.Errorf("port %q is not a port number (1-65535); write FIRST-LAST, such as 10000-65535", t)
		}
	}
	r := PortRange{ends[0], ends[1]}
	if r.First > r.Last {
		return PortRange{}, fmt.Errorf("the range ends (%d) before it begins (%d); write %d-%d", r.Last, r.First, r.Last, r.First)
	}
	return r, nil
}

func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(r.First)
	}
	return strconv.Itoa(r.First) + "-" + strconv.Itoa(r.Last)
}

// Len is the number of ports.
func (r PortRange) Len() int { return r.Last - r.First + 1 }

// Contains reports whether port is in the range.
func (r PortRange) Contains(port int) bool { return r.First <= port && port <= r.Last }

// MarshalText implements encoding.TextMarshaler.
func (r PortRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *PortRange) UnmarshalText(b []byte) (err error) {
	*r, err = ParsePortRange(string(b))
	return err
}

// UnmarshalYAML implements yaml.Unmarshaler. It accepts anything and leaves
// what it cannot read zero: the reader of profiles has refused that by its
// line, and an error here would keep it from looking at the rest.
func (r *PortRange) UnmarshalYAML(n *yaml.Node) error {
	*r, _ = ParsePortRange(n.Value)
	return nil
}
