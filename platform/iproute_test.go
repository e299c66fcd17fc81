package platform

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestInterfaceKindsByName(t *testing.T) {
	for name, want := range map[string]LinkKind{
		"en0": KindEthernet, "em1": KindEthernet, "bridge100": KindEthernet, "vtnet0": KindEthernet,
		"utun4": KindTunnel, "wg0": KindTunnel, "tun0": KindTunnel, "ipsec0": KindTunnel,
		"ppp0": KindPPP, "ng0": KindPPP, "tap0": KindTAP, "wlan0": KindWireless, "lo0": KindLoopback, "pdp_ip0": KindMobile,
	} {
		if got := linkKindByName(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestWindowsAdapterKinds(t *testing.T) {
	tests := map[string]struct {
		ifType      uint32
		description string
		want        LinkKind
	}{
		"a network card":               {6, "Intel(R) Ethernet Connection I219-V", KindEthernet},
		"Wi-Fi":                        {71, "Intel(R) Wi-Fi 6 AX201", KindWireless},
		"an LTE modem":                 {243, "Quectel WWAN", KindMobile},
		"WireGuard":                    {53, "WireGuard Tunnel", KindTunnel},
		"the system's own L2TP":        {23, "WAN Miniport (L2TP)", KindPPP},
		"OpenVPN calls its card wired": {6, "TAP-Windows Adapter V9", KindTAP},
		"so does AnyConnect":           {6, "Cisco AnyConnect Virtual Miniport Adapter for Windows x64", KindTAP},
		"a Hyper-V switch is a cable":  {6, "Hyper-V Virtual Ethernet Adapter", KindEthernet},
		"loopback":                     {24, "Software Loopback Interface 1", KindLoopback},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := windowsLinkKind(tt.ifType, tt.description); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestEndlessOutputIsCutOff(t *testing.T) {
	b := &boundedBuffer{limit: 5}
	for range 3 {
		if n, err := b.Write([]byte("abc")); n != 3 || err != nil {
			t.Fatalf("a program would fail writing: %d, %v", n, err)
		}
	}
	if b.kept.String() != "abcab" || !b.full {
		t.Errorf("kept %q, full %v", b.kept.String(), b.full)
	}
}

func TestMissingProgramIsNamed(t *testing.T) {
	_, err := ThisSystem().Run(t.Context(), "no-such-program", "-x")
	if err == nil || !strings.Contains(err.Error(), "running no-such-program -x") {
		t.Errorf("error %v", err)
	}
}

// The interfaces of the machine the test runs on, whatever it is.
func TestThisMachinesInterfacesCanBeRead(t *testing.T) {
	out, err := ThisSystem().Run(t.Context(), "ip", "-j", "-d", "address")
	var list []Link
	if err := errors.Join(err, json.Unmarshal(out, &list)); err != nil {
		t.Fatal(err)
	}
	loopback := slices.ContainsFunc(list, func(l Link) bool {
		return l.Kind == KindLoopback || slices.Contains(l.Flags, FlagLoopback)
	})
	if name, err := Hostname(t.Context(), ThisSystem()); !loopback || err != nil || name == "" {
		t.Errorf("%q (%v), no loopback among %+v", name, err, list)
	}
}
