package sipalg

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

var (
	messageSent = []byte(strings.Repeat("-", 150) + "192.168.88.10:5060" + strings.Repeat("-", 300))
	messageCame = bytes.ReplaceAll(messageSent, []byte("192.168.88.10"), []byte("203.0.113.100"))
)

// quotes is a hop at which so many bytes of the message looked like that.
func quotes(ttl int, addr string, message []byte, n int) Hop {
	h := Hop{TTL: ttl, Sent: messageSent}
	h.quote(netip.MustParseAddr(addr), message[:n])
	return h
}

func silentHop(ttl int) Hop { return Hop{TTL: ttl, Sent: messageSent} }

func TestTheHopThatChangesIt(t *testing.T) {
	all := len(messageSent)
	const router, modem, carrier, far = "192.168.88.1", "192.168.1.1", "100.64.9.1", "198.51.100.2"
	reached := func(ttl int, message []byte) Hop { return quotes(ttl, far, message, all) }
	for name, c := range map[string]struct {
		hops  []Hop
		want  *Location
		title string // of the box
	}{
		"the router": {
			[]Hop{quotes(1, router, messageSent, all), quotes(2, modem, messageCame, all)}, &Location{After: router, Before: modem}, "router"},
		"nobody": {
			[]Hop{quotes(1, router, messageSent, all), quotes(2, modem, messageSent, all), reached(3, messageSent)}, nil, ""},
		"the last router before the responder": {
			[]Hop{quotes(1, router, messageSent, all), quotes(2, modem, messageSent, all), reached(3, messageCame)}, &Location{After: modem, Before: far}, "unknown"},
		"a silent hop in between may be the one": {
			[]Hop{quotes(1, router, messageSent, all), silentHop(2), quotes(3, carrier, messageCame, all)}, &Location{After: router, Before: carrier, Silent: true}, "unknown"},
		"a hop that quotes less than the first changed byte": {
			[]Hop{quotes(1, router, messageSent, all), quotes(2, modem, messageSent, 100), quotes(3, carrier, messageCame, all)}, &Location{After: router, Before: carrier, Silent: true}, "unknown"},
		"a router that quotes eight bytes": {
			[]Hop{quotes(1, router, messageSent, 0), quotes(2, modem, messageCame, all)}, &Location{Before: modem, Silent: true}, "unknown"},
		"a hop that quotes just the changed byte": {
			[]Hop{quotes(1, router, messageSent, 151), quotes(2, modem, messageCame, all)}, &Location{After: router, Before: modem}, "router"},
		"changed before any quote": {
			[]Hop{quotes(1, router, messageCame, all)}, &Location{Before: router}, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			got := locate(c.hops)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Fatal(d)
			}
			h := &netinfo.Host{Uplink: netinfo.Uplink{Gateway: netip.MustParseAddr(router)}}
			if got == nil {
				return
			}
			if title := box(&Observed{}, h, &Facts{Hop: got}).Args["place"]; title != c.title {
				t.Errorf("the box is %v, want %q", title, c.title)
			}
			h.Router = &netinfo.Router{Platform: "mikrotik"}
			h.Beyond = &netinfo.Beyond{Addr: netip.MustParseAddr(modem), Router: netinfo.Router{Platform: "openwrt"}}
			var platforms []string
			for _, f := range algFixes(&Observed{Local: phone}, h, &Facts{Hop: got}) {
				if f.Where == "router" && !slices.Contains(platforms, f.Platform) {
					platforms = append(platforms, f.Platform)
				}
			}
			want := []string{"mikrotik", "openwrt"} // it may be either
			switch {
			case got.at(router):
				want = want[:1]
			case got.at(modem):
				want = want[1:]
				if place := box(&Observed{}, h, &Facts{Hop: got}).Args["place"]; place != "beyond" {
					t.Errorf("the box is %v", place)
				}
			}
			if d := cmp.Diff(want, platforms); d != "" {
				t.Errorf("fixes for the routers (-want +got)\n%s", d)
			}
		})
	}
}

func TestTheResponderIsTheLastHop(t *testing.T) {
	far := netip.MustParseAddr("198.51.100.2")
	hops := []Hop{quotes(1, "192.168.88.1", messageSent, 28), silentHop(2), silentHop(3), silentHop(4)}
	arrivals := []session.Arrival{{Probe: hopProbe + 4, Raw: messageCame}, {Probe: hopProbe + 3, Raw: messageCame}, {Probe: 1, Raw: messageSent}}
	got := endHops(hops, far, arrivals)
	if len(got) != 3 || !got[2].Reached || !got[2].Changed || got[2].Addr != far || !bytes.Equal(got[2].Quote, messageCame) {
		t.Errorf("hops %+v", got)
	}
	if got := endHops([]Hop{quotes(1, "192.168.88.1", messageSent, 28), silentHop(2)}, far, nil); len(got) != 1 {
		t.Errorf("without an arrival the silent hops at the end stay: %+v", got)
	}
}
