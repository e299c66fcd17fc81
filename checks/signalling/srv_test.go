package signalling

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks/internal/probe"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// probeOf is what came of one transport to one target: "ok", "silent",
// "refused", "unreachable".
func probeOf(transport, host, addr string, srv int, outcome string) Probe {
	p := Probe{
		Transport: transport, Host: host, Remote: netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(probe.DefaultPort(transport))),
		SRV: srv, Expected: srv > 0, Options: Answer{Tries: 5},
	}
	switch outcome {
	case "ok":
		p.Options.Reply = []byte("SIP/2.0 200 OK\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
	case "silent":
	default:
		p.Error, p.ErrorClass = words.Cause(outcome), outcome
	}
	return p
}

func TestTheServersOfAnSRVRecord(t *testing.T) {
	const one, two = "198.51.100.66", "198.51.100.5"
	for name, c := range map[string]struct {
		probes  []Probe
		want    []string
		title   string // of the first
		unclear bool
		summary string
	}{
		"the first is dead, the second answers": {
			probes: []Probe{probeOf("udp", "a.example.net", one, 1, "silent"), probeOf("udp", "b.example.net", two, 2, "ok"), probeOf("tcp", "b.example.net", two, 1, "ok")},
			want:   []string{"signalling.srv-target-dead warning likely"}, title: "a.example.net (198.51.100.66), the first server of example.net, is silent",
			summary: "example.net answers on UDP 5060, TCP 5060; a.example.net does not answer",
		},
		"the first refuses": {
			probes: []Probe{probeOf("udp", "a.example.net", one, 1, "refused"), probeOf("udp", "b.example.net", two, 2, "ok")},
			want:   []string{"signalling.srv-target-dead warning certain"}, title: "a.example.net (198.51.100.66), the first server of example.net, refuses SIP",
		},
		"the first is dead over both transports: one finding": {
			probes: []Probe{
				probeOf("udp", "a.example.net", one, 1, "silent"), probeOf("udp", "b.example.net", two, 2, "ok"),
				probeOf("tcp", "a.example.net", one, 1, "silent"), probeOf("tcp", "b.example.net", two, 2, "ok"),
			},
			want: []string{"signalling.srv-target-dead warning likely"},
		},
		"the second is dead": {
			probes: []Probe{probeOf("udp", "a.example.net", one, 1, "ok"), probeOf("udp", "b.example.net", two, 2, "silent")},
			want:   []string{"signalling.srv-target-dead warning likely"}, title: "b.example.net (198.51.100.5), a server of example.net, is silent",
		},
		"UDP is dropped to a server that answers TCP": {
			probes: []Probe{
				probeOf("udp", "a.example.net", one, 1, "silent"), probeOf("udp", "b.example.net", two, 2, "silent"),
				probeOf("tcp", "a.example.net", one, 1, "ok"), probeOf("tcp", "b.example.net", two, 2, "ok"),
			},
			want: []string{"signalling.udp-silent warning likely"}, title: "example.net answers on TCP 5060, but not over UDP",
		},
		"UDP is silent at one server, TCP answers at another": {
			probes: []Probe{probeOf("udp", "a.example.net", one, 1, "silent"), probeOf("tcp", "b.example.net", two, 1, "ok")},
			want:   []string{"signalling.udp-silent warning possible"},
		},
		"UDP to the first is silent, though it answers TCP; the second answers": {
			probes: []Probe{
				probeOf("udp", "a.example.net", one, 1, "silent"), probeOf("udp", "b.example.net", two, 2, "ok"), probeOf("tcp", "a.example.net", one, 1, "ok"),
			},
			want: []string{"signalling.udp-silent warning likely"},
		},
		"all answer": {probes: []Probe{probeOf("udp", "a.example.net", one, 1, "ok"), probeOf("udp", "b.example.net", two, 2, "ok")}},
		"all are silent": {
			probes: []Probe{probeOf("udp", "a.example.net", one, 1, "silent"), probeOf("udp", "b.example.net", two, 2, "silent")},
			want:   []string{"signalling.silent warning likely"}, unclear: true,
		},
		"without an SRV record": {
			probes: []Probe{probeOf("udp", "example.net", one, 0, "silent"), probeOf("tcp", "example.net", one, 0, "ok")},
			want:   []string{"signalling.udp-silent warning possible"},
		},
		"everything is refused": {
			probes: []Probe{probeOf("udp", "example.net", one, 0, "refused"), probeOf("tcp", "example.net", one, 0, "refused")},
			want:   []string{"signalling.refused critical certain"}, title: "There is no SIP server at example.net",
		},
		"no way there is not a server's fault": {
			probes:  []Probe{probeOf("udp", "example.net", one, 0, "unreachable"), probeOf("tcp", "example.net", one, 0, "unreachable")},
			unclear: true,
		},
		"one refused, one without an answer": {
			probes: []Probe{probeOf("udp", "example.net", one, 0, "silent"), probeOf("tcp", "example.net", one, 0, "refused")},
			want:   []string{"signalling.silent warning likely"}, unclear: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(Observed{Servers: []Server{{Name: "example.net", Probes: c.probes}}}, &netinfo.Host{})
			var got []string
			for _, f := range j.Findings {
				got = append(got, f.ID+" "+string(f.Severity)+" "+string(f.Confidence))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if c.title != "" && english(t, j.Findings[0].Message()) != c.title {
				t.Errorf("it says %q", english(t, j.Findings[0].Message()))
			}
			if (!j.Inconclusive.IsZero()) != c.unclear || !strings.Contains(english(t, j.Summary), c.summary) {
				t.Errorf("summary %q, inconclusive because of %v", english(t, j.Summary), j.Inconclusive)
			}
		})
	}
}

// A box on the way that answers "port unreachable" in the server's place is not
// a server that does not exist.
func TestARejectingBoxIsNotAMissingServer(t *testing.T) {
	p := probeOf("udp", "example.net", "198.51.100.5", 0, "refused")
	for hop, want := range map[string]string{
		"198.51.100.5": "There is no SIP server at example.net",
		"192.168.88.1": "A device on the path (192.168.88.1) rejects SIP to example.net",
	} {
		p.ErrorHop = netip.MustParseAddr(hop)
		j := judge(Observed{Servers: []Server{{Name: "example.net", Probes: []Probe{p}}}}, &netinfo.Host{})
		if len(j.Findings) != 1 || english(t, j.Findings[0].Message()) != want {
			t.Errorf("from %s: %+v", hop, j.Findings)
		}
	}
}

// What was not asked was not silent.
func TestAQuestionThatWasNotAsked(t *testing.T) {
	for want, p := range map[string]Probe{
		"no answer to 5 requests":               {Transport: "udp", Options: Answer{Tries: 3}, Register: Answer{Tries: 2}},
		"not asked in time":                     {Transport: "udp"},
		"silent: no connection was established": {Transport: "tcp", ErrorClass: "timeout"},
		"connected, but SIP is not answered":    {Transport: "tcp", Connected: true, Options: Answer{Tries: 1}},
	} {
		if got := english(t, got(&p)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
