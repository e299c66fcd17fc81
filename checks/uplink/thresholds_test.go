package uplink

import (
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// A line that cannot carry an INVITE in one packet is worth a warning, a tunnel
// and an unknown size are not.
func TestHowSmallThePacketsOfALineMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		kind string
		mtu  int
		want checks.Severity
	}{
		"as usual":        {"ethernet", 1500, ""},
		"just enough":     {"ethernet", 1400, ""},
		"one byte less":   {"ethernet", 1399, checks.Warning},
		"much less":       {"ppp", 576, checks.Warning},
		"not known":       {"ethernet", 0, ""},
		"one byte":        {"ethernet", 1, checks.Warning},
		"less, in tunnel": {"tunnel", 1280, ""},
	} {
		h := office(func(h *netinfo.Host) { h.Uplink.Kind, h.Uplink.MTU = c.kind, c.mtu })
		var got checks.Severity
		for _, f := range Check().Judge(Check().Nothing(), h).Findings {
			if f.ID == "uplink.mtu" {
				got = f.Severity
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A router is named only by what a stranger cannot word, and a line by its kind.
func TestWhatALineIsCalled(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*netinfo.Host)
		want   string
	}{
		"a cable":                     {nil, "cable, gateway MikroTik 192.168.88.1"},
		"Wi-Fi":                       {func(h *netinfo.Host) { h.Uplink.Wireless = true }, "Wi-Fi, "},
		"a mobile network":            {func(h *netinfo.Host) { h.Uplink.Kind = "mobile" }, "mobile network, "},
		"PPP":                         {func(h *netinfo.Host) { h.Uplink.Kind = "ppp" }, "PPP line, "},
		"a tunnel":                    {func(h *netinfo.Host) { h.Uplink.Kind = "tunnel" }, "tunnel eth0, "},
		"a router that is recognised": {func(h *netinfo.Host) { h.Router = &netinfo.Router{Platform: "keenetic", Vendor: "Keenetic"} }, "cable, gateway Keenetic 192.168.88.1"},
		"one that may be that": {func(h *netinfo.Host) {
			h.Router = &netinfo.Router{Platform: "keenetic", Vendor: "Keenetic", Confidence: "possible"}
		}, "cable, gateway MikroTik 192.168.88.1"},
		"one that calls itself so": {func(h *netinfo.Host) { h.Router = &netinfo.Router{Vendor: "Keenetic"} }, "cable, gateway MikroTik 192.168.88.1"},
	} {
		if got := Check().Judge(Check().Nothing(), office(c.change)).Summary; !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
