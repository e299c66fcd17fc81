package routeros

import (
	"slices"
	"strconv"
	"strings"
)

// Connections are those that a router tracks, as far as they matter here.
type Connections struct {
	// Helped are some of those that the SIP helper reads; HelpedTotal counts them all.
	Helped      []Connection `json:"helped,omitempty"`
	HelpedTotal int          `json:"helped_total"`
	// Total are those of all kinds, Most how many there may be; nil: not known.
	Total *int `json:"total"`
	Most  *int `json:"most"`
}

// A Connection is one of them as the router shows it.
type Connection struct {
	Protocol    string `json:"protocol"`
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Timeout     string `json:"timeout,omitempty"` // until it is forgotten
	Type        string `json:"type"`              // connection-type: which helper reads it
}

// maxHelped bounds the connections that are kept.
const maxHelped = 8

// HelpedBySIP are the conditions and properties to ask for.
const HelpedBySIP = "sip"

// Took notes a connection that a router showed; others than those of the SIP helper are
// left out.
func (c *Connections) Took(get func(name string) string) {
	x := Connection{get("protocol"), get("src-address"), get("dst-address"), get("timeout"), get("connection-type")}
	if x.Type != HelpedBySIP {
		return
	}
	if c.HelpedTotal++; len(c.Helped) < maxHelped {
		c.Helped = append(c.Helped, x)
	}
}

// TookTracking notes the sizes of the table.
func (c *Connections) TookTracking(get func(name string) string) {
	c.Total, c.Most = count(get("total-entries")), count(get("max-entries"))
}

func count(s string) *int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return nil
	}
	return &n
}

// Get is a property of a row that print showed; empty if it has none.
func (s Shown) Get(name string) string {
	i := slices.IndexFunc(s.Props, func(p Prop) bool { return p.Name == name })
	if i < 0 {
		return ""
	}
	return strings.TrimSpace(s.Props[i].Value)
}
