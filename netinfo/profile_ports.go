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
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	var ends [2]int
	for i, text := range []string{from, to} {
		n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
		if err != nil || n == 0 {
			return PortRange{}, fmt.Errorf("port %q is not a port number (1-65535); write FIRST-LAST, such as 10000-65535", text)
		}
		ends[i] = int(n)
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
