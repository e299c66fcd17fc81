package rtpports_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/lab"
)

func looksLikeRTP(b []byte) bool { return len(b) > 12 && b[0]>>6 == 2 }

// inspecting makes a router drop what passes a look at the content on its way
// out to a range of ports.
func inspecting(first, last uint16, drop func([]byte) bool) func(*checktest.RouterOptions) {
	return func(o *checktest.RouterOptions) {
		o.Rules = append(o.Rules, checktest.Rule{Proto: "udp", Port: first, Last: last, Content: drop})
	}
}

func TestContentThatDecidesWhatPassesIsNamed(t *testing.T) {
	none := []string{}
	for _, tt := range []struct {
		name   string
		router func(*checktest.RouterOptions)
		want   outcome
	}{
		{"something drops RTP on some ports", inspecting(20000, 29999, looksLikeRTP),
			outcome{[]string{"10000-19999", "30000-65535"}, []string{"20000-29999"}, none, none,
				[]string{"rtp-ports.blocked-outbound", "rtp-ports.rtp-dropped"}, checks.Fail}},
		{"only RTP passes", inspecting(10000, 65535, func(b []byte) bool { return !looksLikeRTP(b) }),
			outcome{[]string{"10000-65535"}, none, none, none, []string{"rtp-ports.only-rtp"}, checks.Pass}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, 1, lab.Router{NAT: lab.Preserving}, nil)
				defer o.stop()
				o.Routers[0].Update(tt.router)
				res, f := o.check(t, nil)
				if diff := cmp.Diff(tt.want, outcomeOf(res, f)); diff != "" {
					t.Errorf("(-want +got)\n%s\n%s", diff, explain(res))
				}
			})
		})
	}
}

// guarded is a network on a computer whose own firewall lets nothing out to a
// range of ports.
type guarded struct {
	platform.Network
	first, last uint16
}

type guardedConn struct {
	platform.UDPConn
	by guarded
}

func (g guarded) OpenUDP(ctx context.Context, local netip.AddrPort) (platform.UDPConn, error) {
	c, err := g.Network.OpenUDP(ctx, local)
	return guardedConn{c, g}, err
}

func (c guardedConn) WriteTo(b []byte, to netip.AddrPort, o platform.SendOptions) error {
	if to.Port() >= c.by.first && to.Port() <= c.by.last {
		return os.NewSyscallError("sendto", syscall.EPERM)
	}
	return c.UDPConn.WriteTo(b, to, o)
}

// That is no fault of the router's, and no reason to ask for root.
func TestThisComputersOwnFirewallIsNamedAsSuch(t *testing.T) {
	none := []string{}
	for _, tt := range []struct {
		name        string
		first, last uint16
		want        outcome
	}{
		{"some ports", 30000, 40000, outcome{[]string{"10000-29999", "40001-65535"}, []string{"30000-40000"}, none, none, []string{"rtp-ports.local-filter"}, checks.Fail}},
		{"all ports", 10000, 65535, outcome{none, []string{"10000-65535"}, none, none, []string{"rtp-ports.local-filter"}, checks.Fail}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, 1, lab.Router{NAT: lab.Preserving}, nil)
				defer o.stop()
				env := &checks.Env{Net: guarded{o.Phone, tt.first, tt.last}, Inputs: checks.Inputs{Responder: lab.ResponderAddr}}
				res, f := runCheck(t, t.Context(), env)
				if diff := cmp.Diff(tt.want, outcomeOf(res, f)); diff != "" {
					t.Errorf("(-want +got)\n%s\n%s", diff, explain(res))
				}
			})
		})
	}
}

// With everything blocked and our own source ports in the blocked range, too,
// three source ports are tried and named before anybody says so.
func TestAllBlockedIsSaidOnlyAfterOtherSourcePorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, lab.Router{NAT: lab.Preserving, Block: []lab.Block{udp(10000, 65535)}}, nil)
		defer o.stop()
		o.Routers[0].Update(blockSources(10000))
		res, f := o.check(t, nil)
		want := outcome{[]string{}, []string{"10000-65535"}, []string{}, []string{}, []string{"rtp-ports.all-blocked"}, checks.Fail}
		if diff := cmp.Diff(want, outcomeOf(res, f)); diff != "" {
			t.Fatalf("(-want +got)\n%s\n%s", diff, explain(res))
		}
		tried := ""
		for _, e := range res.Findings[0].Evidence {
			if e.Name == "source ports tried" {
				tried = e.Got
			}
		}
		ports := strings.FieldsFunc(tried, func(r rune) bool { return r < '0' || r > '9' })
		low := slices.ContainsFunc(ports, func(p string) bool { return len(p) == 4 })
		if len(ports) != 3 || !low {
			t.Errorf("tried from %q", tried)
		}
	})
}

// Where no RTP port answers, the loss is measured beside them, and a bad line
// is asked more often.
func TestAllBlockedIsAskedAsOftenAsTheLossDemands(t *testing.T) {
	for _, tt := range []struct{ loss, least, most int }{{0, 4, 8}, {20, 15, 32}} {
		t.Run(fmt.Sprintf("%d %% lost each way", tt.loss), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, 1, lab.Router{NAT: lab.Preserving, LossPercent: tt.loss, Block: []lab.Block{udp(10000, 65535)}}, nil)
				defer o.stop()
				res, f := o.check(t, func(in *checks.Inputs) { in.Fast = true })
				if diff := cmp.Diff([]string{"10000-65535"}, f.BlockedOutbound); diff != "" || len(f.Unknown) > 0 {
					t.Fatalf("%s\n%s", diff, explain(res))
				}
				if each := f.PacketsSent / f.PortsProbed; each < tt.least || each > tt.most {
					t.Errorf("each port was asked %d times, want %d to %d", each, tt.least, tt.most)
				}
			})
		})
	}
}

// A full table that empties again: the sweep waits, goes on slowly and knows
// every port in the end.
func TestASweepGoesOnWhenTheTableHasRoomAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, 1, lab.Router{NAT: lab.Preserving, FlowLimit: 1000}, nil)
		defer o.stop()
		res, f := o.check(t, func(in *checks.Inputs) { in.Full, in.Fast, in.RTPRange = true, true, "10000-11399" })
		want := outcome{[]string{"10000-11399"}, []string{}, []string{}, []string{}, []string{"rtp-ports.router-table"}, checks.Warn}
		if diff := cmp.Diff(want, outcomeOf(res, f)); diff != "" || f.RouterSessions < 800 || f.RouterSessions > 1000 {
			t.Errorf("%d sessions (-want +got)\n%s\n%s", f.RouterSessions, diff, explain(res))
		}
	})
}

// Random lines and random blocks: whatever the report claims must be so.
func TestRandomOfficesMakeNoFalsePorts(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		loss := []int{5, 20}[seed%2]
		t.Run(fmt.Sprintf("seed %d, %d %% lost each way", seed, loss), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				blocks := randomBlocks(seed)
				o := newOffice(t, seed, lab.Router{NAT: lab.Preserving, LossPercent: loss, Block: blocks}, nil)
				defer o.stop()
				_, f := o.check(t, func(in *checks.Inputs) { in.Fast = true })
				blocked := func(p int, back bool) bool {
					return slices.ContainsFunc(blocks, func(b lab.Block) bool { return b.Return == back && p >= b.Port && p <= b.LastPort })
				}
				claims(t, "open", f.Open, func(p int) bool { return !blocked(p, false) && !blocked(p, true) })
				claims(t, "blocked on the way out", f.BlockedOutbound, func(p int) bool { return blocked(p, false) })
				claims(t, "blocked on the way back", f.BlockedReturn, func(p int) bool { return blocked(p, true) && !blocked(p, false) })
			})
		})
	}
}

// randomBlocks are up to three ranges of at least 64 ports, the smallest that
// the sample finds, and at least as far apart.
func randomBlocks(seed int) (out []lab.Block) {
	at := uint32(seed)*2654435761 + 12345
	next := func(n int) int {
		at = at*1664525 + 1013904223
		return int(at>>8) % n
	}
	first := 10000
	for range next(4) {
		first += 200 + next(15000)
		last := first + 64 + next(4000)
		if last > 65300 {
			break
		}
		out = append(out, lab.Block{Protocol: "udp", Port: first, LastPort: last, Return: next(2) == 0})
		first = last
	}
	return out
}
