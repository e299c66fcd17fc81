package platform

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// nameServer runs a name server on loopback, UDP and TCP on one port.
func nameServer(t *testing.T, answer func(w dns.ResponseWriter, q *dns.Msg)) string {
	t.Helper()
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", pc.LocalAddr().String())
	if err != nil {
		t.Skipf("the TCP port beside %s is taken: %v", pc.LocalAddr(), err)
	}
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: dns.HandlerFunc(answer)}, {Listener: l, Handler: dns.HandlerFunc(answer)}} {
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return pc.LocalAddr().String()
}

// reply answers q with records in zone file format.
func reply(w dns.ResponseWriter, q *dns.Msg, records ...string) {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	for _, s := range records {
		rr, err := dns.NewRR(s)
		if err != nil {
			panic(err)
		}
		if rr.Header().Rrtype == q.Question[0].Qtype {
			m.Answer = append(m.Answer, rr)
		}
	}
	_ = w.WriteMsg(m)
}

func overTCP(w dns.ResponseWriter) bool { return w.RemoteAddr().Network() == "tcp" }

func TestSRVRecords(t *testing.T) {
	t.Parallel() // with others that wait for lost questions
	const main = "_sip._udp.example.net. 60 IN SRV 10 0 5060 pbx.example.net."
	const spare = "_sip._udp.example.net. 60 IN SRV 20 0 5080 spare.example.net."
	both := []SRV{{"pbx.example.net", 5060, 10, 0}, {"spare.example.net", 5080, 20, 0}}
	var lost, mangled atomic.Bool
	for _, tc := range []struct {
		name   string
		answer func(w dns.ResponseWriter, q *dns.Msg)
		want   []SRV
		err    string // %s is the server
	}{
		{"two servers, the preferred one first", func(w dns.ResponseWriter, q *dns.Msg) { reply(w, q, spare, main) }, both, ""},
		{"the first question is lost", func(w dns.ResponseWriter, q *dns.Msg) {
			if lost.Swap(true) {
				reply(w, q, main, spare)
			}
		}, both, ""},
		{"the answer is too long for UDP", func(w dns.ResponseWriter, q *dns.Msg) {
			if overTCP(w) {
				reply(w, q, main, spare)
				return
			}
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			_ = w.WriteMsg(m)
		}, both, ""},
		{"rubbish at first", func(w dns.ResponseWriter, q *dns.Msg) {
			if mangled.Swap(true) {
				reply(w, q, main, spare)
				return
			}
			_, _ = w.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		}, both, ""},
		{"an answer to another question", func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			m.Question[0].Name = "evil.example."
			_ = w.WriteMsg(m)
		}, nil, "looking up SRV _sip._udp.example.net: no answer (asked %s)"},
		{"no such domain", func(w dns.ResponseWriter, q *dns.Msg) {
			_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNameError))
		}, nil, "looking up SRV _sip._udp.example.net: no such host (asked %s)"},
		{"a domain without SRV records", func(w dns.ResponseWriter, q *dns.Msg) { reply(w, q) },
			nil, "looking up SRV _sip._udp.example.net: no such host (asked %s)"},
		{"a domain that has no SIP", func(w dns.ResponseWriter, q *dns.Msg) { reply(w, q, "_sip._udp.example.net. 60 IN SRV 0 0 0 .") },
			nil, "looking up SRV _sip._udp.example.net: the domain says that it does not offer this service (asked %s)"},
		{"a name server in trouble", func(w dns.ResponseWriter, q *dns.Msg) {
			_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
		}, nil, "looking up SRV _sip._udp.example.net: server misbehaving (asked %s)"},
		{"a silent name server", func(dns.ResponseWriter, *dns.Msg) {},
			nil, "looking up SRV _sip._udp.example.net: no answer (asked %s)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := nameServer(t, tc.answer)
			got, err := Real(RealOptions{DNSServers: []string{server}}).LookupSRV(t.Context(), "sip", "udp", "example.net.")
			if tc.err != "" {
				if want := fmt.Sprintf(tc.err, server); err == nil || err.Error() != want {
					t.Errorf("got  %v\nwant %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestASilentNameServerCostsLittleTime(t *testing.T) {
	t.Parallel()
	silent := nameServer(t, func(dns.ResponseWriter, *dns.Msg) {})
	good := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		reply(w, q, "_sips._tcp.example.net. 60 IN SRV 1 1 5061 pbx.example.net.")
	})
	r := new(realNetwork).resolver()
	r.PreferGo = true
	dial, asked := r.Dial, atomic.Int32{}
	r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		if asked.Add(1) == 1 {
			return dial(ctx, network, silent)
		}
		return dial(ctx, network, good)
	}
	start := time.Now()
	_, got, err := r.LookupSRV(t.Context(), "", "", "_sips._tcp.example.net.")
	if err != nil || len(got) != 1 || got[0].Target != "pbx.example.net." {
		t.Errorf("got %v, %v", got, err)
	}
	if took := time.Since(start); took < serverPatience || took > serverPatience+2*time.Second {
		t.Errorf("the second name server was asked after %v", took)
	}
}

func TestNothingIsAskedAfterTheUserStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := nameServer(t, func(dns.ResponseWriter, *dns.Msg) { cancel() })
	start := time.Now()
	if _, err := Real(RealOptions{DNSServers: []string{server}}).LookupSRV(ctx, "sip", "udp", "example.net"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took >= serverPatience {
		t.Errorf("it took %v to stop", took)
	}
}

func TestAddressesOfAHost(t *testing.T) {
	t.Parallel() // with others that wait for lost questions
	var lost atomic.Int32
	for _, tc := range []struct {
		name   string
		host   string
		answer func(w dns.ResponseWriter, q *dns.Msg)
		want   []string
		err    string
	}{
		{"an address is not asked for", "192.0.2.7", nil, []string{"192.0.2.7"}, ""},
		{"an IPv6 address with its zone", "fe80::1%eth0", nil, []string{"fe80::1%eth0"}, ""},
		{"a mapped address is IPv4", "::ffff:192.0.2.7", nil, []string{"192.0.2.7"}, ""},
		{"the hosts file knows localhost", "localhost", nil, nil, ""},
		{"IPv4 first", "pbx.example.net", func(w dns.ResponseWriter, q *dns.Msg) {
			reply(w, q, "pbx.example.net. 60 IN AAAA 2001:db8::7", "pbx.example.net. 60 IN A 192.0.2.7", "pbx.example.net. 60 IN A 192.0.2.7")
		}, []string{"192.0.2.7", "2001:db8::7"}, ""},
		{"both first questions are lost", "pbx.example.net", func(w dns.ResponseWriter, q *dns.Msg) {
			if lost.Add(1) > 2 {
				reply(w, q, "pbx.example.net. 60 IN A 192.0.2.7")
			}
		}, []string{"192.0.2.7"}, ""},
		{"no such host", "pbx.example.net", func(w dns.ResponseWriter, q *dns.Msg) {
			_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNameError))
		}, nil, "looking up pbx.example.net: no such host (asked %s)"},
		{"a silent name server", "pbx.example.net", func(dns.ResponseWriter, *dns.Msg) {},
			nil, "looking up pbx.example.net: no answer (asked %s)"},
		{"nothing to look up", "", nil, nil, "looking up an empty host name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			answer := tc.answer
			if answer == nil {
				answer = func(dns.ResponseWriter, *dns.Msg) { t.Errorf("a name server was asked") }
			}
			server := nameServer(t, answer)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			addrs, err := Real(RealOptions{DNSServers: []string{server}}).LookupAddrs(ctx, tc.host)
			if tc.err != "" {
				want := tc.err
				if tc.host != "" {
					want = fmt.Sprintf(tc.err, server)
				}
				if err == nil || err.Error() != want {
					t.Errorf("got  %v\nwant %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.want == nil {
				for _, a := range addrs {
					if !a.IsLoopback() {
						t.Errorf("localhost is %s", a)
					}
				}
				return
			}
			var got []string
			for _, a := range addrs {
				got = append(got, a.String())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClassOfALookup(t *testing.T) {
	silent := &lookupError{"a", "no answer", "", &net.DNSError{IsTimeout: true}}
	if got := Classify(fmt.Errorf("checking: %w", silent)); got != ClassTimeout {
		t.Errorf("a silent name server is %q", got)
	}
}

func TestAskingTwice(t *testing.T) {
	boom := errors.New("server answered SERVFAIL")
	type try struct {
		after time.Duration // 0: never
		err   error
	}
	for _, tc := range []struct {
		name  string
		tries []try
		err   error
		took  time.Duration
	}{
		{"a quick answer", []try{{after: 20 * time.Millisecond}}, nil, 20 * time.Millisecond},
		{"a quick refusal", []try{{after: 20 * time.Millisecond, err: boom}}, boom, 20 * time.Millisecond},
		{"the first question is lost", []try{{}, {after: 20 * time.Millisecond}}, nil, 1020 * time.Millisecond},
		{"the first answer is late, but still first", []try{{after: 1200 * time.Millisecond}, {after: time.Second}}, nil, 1200 * time.Millisecond},
		{"the second gets a refusal, the first an answer", []try{{after: 2 * time.Second}, {after: 20 * time.Millisecond, err: boom}}, nil, 2 * time.Second},
		{"silence until the deadline", []try{{}, {}}, context.DeadlineExceeded, 10 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				start, n := time.Now(), atomic.Int32{}
				_, err := twice(ctx, time.Second, func(ctx context.Context) (int, error) {
					now := tc.tries[n.Add(1)-1]
					if now.after == 0 {
						<-ctx.Done()
						return 0, ctx.Err()
					}
					select {
					case <-time.After(now.after):
						return 1, now.err
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				})
				if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) {
					t.Errorf("got %v, want %v", err, tc.err)
				}
				if took := time.Since(start); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
			})
		})
	}
}

func TestOrderOfServers(t *testing.T) {
	server := nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		reply(w, q, "_sip._udp.example.net. 60 IN SRV 20 100 5060 spare.", "_sip._udp.example.net. 60 IN SRV 10 40 5060 b.", "_sip._udp.example.net. 60 IN SRV 10 60 5060 a.")
	})
	const runs = 300
	first := map[string]int{}
	for range runs {
		got, err := Real(RealOptions{DNSServers: []string{server}}).LookupSRV(t.Context(), "sip", "udp", "example.net")
		if err != nil || len(got) != 3 || got[2].Target != "spare" {
			t.Fatalf("%v, %v: the spare server comes last", got, err)
		}
		first[got[0].Target]++
	}
	// 60 of 100, five standard deviations either way
	if n := first["a"]; n < runs*46/100 || n > runs*74/100 || n+first["b"] != runs {
		t.Errorf("weight 60 of 100 came first %d times of %d", n, runs)
	}
}

func TestNameServersOfThisMachine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	for _, tc := range []struct {
		name, text string
		want       []string
		err        string
	}{
		{"router and IPv6", "# by DHCP\nnameserver 192.168.88.1\nnameserver 2001:db8::1\nsearch lan\n", []string{"192.168.88.1:53", "[2001:db8::1]:53"}, ""},
		{"empty", "", nil, "no name server is set up in " + file},
	} {
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readResolvConf(file)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
		if tc.err != "" && (err == nil || err.Error() != tc.err) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if _, err := readResolvConf(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
