package netinfo

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// field is one of LLDP, whose type is shifted by hand; cdpField one of CDP.
func field(kind byte, value string) string {
	return string([]byte{kind<<1 | byte(len(value)>>8), byte(len(value))}) + value
}

func cdpField(kind byte, value string) string {
	return string([]byte{0, kind, byte((len(value) + 4) >> 8), byte(len(value) + 4)}) + value
}

const (
	portMAC  = "\x4c\x5e\x0c\x01\x02\x04" // of the port, where the router's own is …:03
	boxMAC   = "\x4c\x5e\x0c\x01\x02\x03"
	gatewayA = "\xc0\xa8\x58\x01" // 192.168.88.1
)

func lldpFrame(fields ...string) []byte {
	return []byte("\x01\x80\xc2\x00\x00\x0e" + portMAC + "\x88\xcc" + strings.Join(fields, ""))
}

func cdpFrame(fields ...string) []byte {
	body := "\xaa\xaa\x03\x00\x00\x0c\x20\x00\x02\xb4\x00\x00" + strings.Join(fields, "")
	padding := make([]byte, max(0, 46-len(body)))
	return append([]byte("\x01\x00\x0c\xcc\xcc\xcc"+portMAC+string([]byte{byte(len(body) >> 8), byte(len(body))})+body), padding...)
}

// office is a host whose gateway is 192.168.88.1, with the hardware address boxMAC.
func officeOf(clues ...Clue) *Host {
	h := &Host{Uplink: Uplink{Gateway: netip.MustParseAddr("192.168.88.1"), GatewayMAC: "4c:5e:0c:01:02:03"}}
	if len(clues) > 0 {
		h.Router = &Router{Clues: clues}
		h.Router.recognise()
	}
	return h
}

func TestWhatTheRouterAnnounces(t *testing.T) {
	const list = "\x00\x00\x00\x01\x01\x01\xcc\x00\x04" + gatewayA
	ios := "Cisco IOS Software, ISR Software (X86_64_LINUX_IOSD-UNIVERSALK9-M), Version 15.5(3)S2"
	for name, tt := range map[string]struct {
		frame []byte
		known []Clue
		want  Router
	}{
		"a MikroTik, by its own hardware address": {
			lldpFrame(field(1, "\x04"+boxMAC), field(5, "office-gw"), field(6, "MikroTik RouterOS 7.4.1 (stable) RB941-2nD"), field(0, "")),
			[]Clue{{"oui", "MikroTik"}},
			Router{Platform: "mikrotik", Vendor: "MikroTik", Name: "office-gw", Confidence: certain,
				Clues: []Clue{{"oui", "MikroTik"}, {"lldp", "MikroTik RouterOS 7.4.1 (stable) RB941-2nD"}}}},
		"a Cisco, by its address": {
			cdpFrame(cdpField(1, "gw.office"), cdpField(2, list), cdpField(5, ios), cdpField(6, "cisco ISR4331/K9")),
			[]Clue{{"oui", "Cisco Systems, Inc"}},
			Router{Platform: "cisco-ios", Vendor: "Cisco", Name: "gw.office", Model: "cisco ISR4331/K9", Confidence: certain,
				Clues: []Clue{{"oui", "Cisco Systems, Inc"}, {"cdp", ios + " cisco ISR4331/K9"}}}},
		"a VyOS, of which nothing was known": {
			lldpFrame(field(6, "VyOS 1.4.0"), field(8, "\x05\x01"+gatewayA+"\x02\x00\x00\x00\x01\x00"), field(0, "")), nil,
			Router{Platform: "vyos", Vendor: "VyOS", Confidence: certain, Clues: []Clue{{"lldp", "VyOS 1.4.0"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			h, heard := officeOf(tt.known...), &Heard{}
			heard.Add(tt.frame)
			heard.Add(tt.frame) // half a minute later
			h.Hear(heard)
			h.Hear(heard) // in the next round of a watch
			if diff := cmp.Diff(&tt.want, h.Router); diff != "" {
				t.Errorf("router (-want +got)\n%s", diff)
			}
		})
	}
}

// What is not the router's own is not about it, and nothing that is announced gets
// to a terminal as it came.
func TestWhatOthersAnnounce(t *testing.T) {
	h, heard := officeOf(Clue{"oui", "MikroTik"}), &Heard{}
	before := *h.Router
	heard.Add(lldpFrame(field(1, "\x04\x00\x00\x0c\x01\x02\x03"), field(6, "Cisco IOS Software, Catalyst"), field(8, "\x05\x01\xc0\xa8\x58\x02"), field(0, "")))
	h.Hear(heard)
	h.Hear(nil)
	if diff := cmp.Diff(&before, h.Router); diff != "" {
		t.Errorf("the switch counts as the router (-before +after)\n%s", diff)
	}
	heard.Add(lldpFrame(field(1, "\x04"+boxMAC), field(5, "\x1b]0;x\x07gw\u202e"), field(6, strings.Repeat("\x1b[2JA\r\n", 60)), field(0, "")))
	h.Hear(heard)
	for _, c := range h.Router.Clues {
		isPlain(t, c.Value)
	}
	if h.Router.Name != "]0;xgw" || len(h.Router.Clues) != 2 {
		t.Errorf("router %+v", h.Router)
	}
}

func TestWhyNothingIsHeardIsSaidOnce(t *testing.T) {
	h, heard := officeOf(), &Heard{}
	heard.Fail(errors.New("listening for LLDP and CDP on eth0: needs administrator rights"))
	h.Hear(heard)
	h.Hear(heard)
	if len(h.Notes) != 1 || h.Router != nil {
		t.Errorf("notes %v, router %v", h.Notes, h.Router)
	}
}

func TestAFloodOfAnnouncementsIsBounded(t *testing.T) {
	heard := &Heard{}
	for i := range 1000 {
		f := lldpFrame(field(5, "x"), field(0, ""))
		f[10], f[11] = byte(i>>8), byte(i)
		heard.Add(f)
	}
	if len(heard.list) != maxHeard {
		t.Errorf("%d are kept", len(heard.list))
	}
}

func TestBrokenAnnouncements(t *testing.T) {
	for name, frame := range map[string][]byte{
		"nothing":                             nil,
		"a header alone":                      lldpFrame()[:13],
		"LLDP without an end":                 lldpFrame(field(6, "VyOS")),
		"a field longer than the frame":       lldpFrame("\x0d\xff"),
		"another protocol of Cisco":           append([]byte("\x01\x00\x0c\xcc\xcc\xcc"+portMAC+"\x00\x14"), "\xaa\xaa\x03\x00\x00\x0c\x01\x11\x02\xb4\x00\x00        "...),
		"a length that is not in the frame":   append(cdpFrame()[:12], "\x05\x00\xaa\xaa\x03\x00\x00\x0c\x20\x00"...),
		"CDP with a field that has no length": cdpFrame("\x00\x05\x00\x00"),
		"CDP with a field cut in two":         cdpFrame("\x00\x05\x00"),
	} {
		if a, err := parseAnnouncement(frame); !errors.Is(err, errNotAnnouncement) {
			t.Errorf("%s: %+v, %v\n%s", name, a, err, hex.Dump(frame))
		}
	}
}

func FuzzAnnouncement(f *testing.F) {
	f.Add(lldpFrame(field(1, "\x04"+boxMAC), field(5, "gw"), field(6, "VyOS 1.4"), field(8, "\x05\x01"+gatewayA), field(0, "")))
	f.Add(cdpFrame(cdpField(1, "gw"), cdpField(2, "\x00\x00\x00\x01\x01\x01\xcc\x00\x04"+gatewayA), cdpField(5, "IOS"), cdpField(6, "cisco")))
	f.Fuzz(func(t *testing.T, frame []byte) {
		a, err := parseAnnouncement(frame)
		for _, s := range []string{a.name, a.text, a.model} {
			isPlain(t, s)
		}
		if err == nil && (a.method == "" || !slices.Contains([]int{1, 2}, len(a.macs)) && a.method == "cdp") {
			t.Errorf("%+v", a)
		}
	})
}
