package netinfo

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

func TestAServerAsPeopleTypeIt(t *testing.T) {
	for _, tt := range []struct {
		typed string
		want  HostPort
		fault string // in the error; empty: accepted
	}{
		{"pbx.example.net", HostPort{"pbx.example.net", 0}, ""},
		{"PBX.example.net.", HostPort{"PBX.example.net", 0}, ""},
		{"pbx.example.net:5080", HostPort{"pbx.example.net", 5080}, ""},
		{"pbx", HostPort{"pbx", 0}, ""},
		{"192.0.2.10", HostPort{"192.0.2.10", 0}, ""},
		{"192.0.2.10:5060", HostPort{"192.0.2.10", 5060}, ""},
		{"2001:db8::1", HostPort{"2001:db8::1", 0}, ""},
		{"[2001:db8::1]", HostPort{"2001:db8::1", 0}, ""},
		{"[2001:db8::1]:5060", HostPort{"2001:db8::1", 5060}, ""},
		{"[2001:db8::1]:0", HostPort{}, `port "0" is not a port number (1-65535)`},
		{"[2001:db8::1]:65536", HostPort{}, "not a port number"},
		{"pbx.example.net:65535", HostPort{"pbx.example.net", 65535}, ""},
		{"pbx.example.net:sip", HostPort{}, `port "sip" is not a port number`},
		{"pbx.example.net:", HostPort{}, `port "" is not a port number`},
		{"[2001:db8::1", HostPort{}, "not a host"},
		{"2001:db8::1]", HostPort{}, "not a host"},
		{"[192.0.2.10]", HostPort{}, "not a host"},
		{"[pbx.example.net]:5060", HostPort{}, "not a host"},
		{"192.0.2.300", HostPort{}, "not a host"},
		{"192.0.2", HostPort{}, "not a host"},
		{"a b", HostPort{}, "not a host"},
		{"https://pbx.example.net/", HostPort{}, "not a host"},
		{"sip:pbx.example.net", HostPort{}, `without "sip:"`},
		{":5060", HostPort{}, "not a host"},
		{"", HostPort{}, "not a host"},
		{strings.Repeat("a", 64) + ".example", HostPort{}, "not a host"},
	} {
		got, err := ParseHostPort(tt.typed)
		switch {
		case tt.fault == "" && (err != nil || got != tt.want):
			t.Errorf("%q is %+v, %v; want %+v", tt.typed, got, err, tt.want)
		case tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault)):
			t.Errorf("%q: %+v, %v; want a complaint about %q", tt.typed, got, err, tt.fault)
		}
	}
}

func TestAServerIsWrittenAsItIsTyped(t *testing.T) {
	for _, s := range []string{"pbx.example.net", "192.0.2.10:5060", "[2001:db8::1]:5060", "2001:db8::1"} {
		h, err := ParseHostPort(s)
		if err != nil || h.String() != s {
			t.Errorf("%q became %q, %v", s, h, err)
		}
	}
}

// String writes it as it is typed, IPv6 with a port in brackets.
func (h HostPort) String() string {
	if h.Port == 0 {
		return h.Host
	}
	return net.JoinHostPort(h.Host, strconv.Itoa(h.Port))
}
