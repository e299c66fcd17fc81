package fragments

import (
	"math"
	"net/netip"
	"strings"
	"testing"
)

func TestTriesFollowTheLoss(t *testing.T) {
	if n := enough(40, 40, 1); n > 8 {
		t.Errorf("a clean line needs %d tries, want a handful", n)
	}
	for _, loss := range []float64{0.05, 0.1, 0.2} {
		trip := (1 - loss) * (1 - loss)
		for pieces := 1; pieces <= 6; pieces++ {
			n := enough(200, int(200*trip), pieces)
			lost := 1 - math.Pow(1-loss, float64(pieces+1))
			if n <= maxTries && math.Pow(lost, float64(n)) > chance {
				t.Errorf("%d pieces at %.0f %% loss: %d tries are all lost once in %.0f", pieces, 100*loss, n, 1/math.Pow(lost, float64(n)))
			}
		}
	}
	if n := enough(100, 5, 6); n <= maxTries {
		t.Errorf("on a line that answers one in twenty, %d tries are said to be enough", n)
	}
}

func TestALimitIsFoundToTheByte(t *testing.T) {
	for limit := 500; limit < 1472; limit++ {
		pass, fail := 500, 1472
		for rounds := 0; ; rounds++ {
			list := between(pass, fail)
			if len(list) == 0 {
				break
			}
			for _, n := range list {
				if n <= limit {
					pass = max(pass, n)
				} else {
					fail = min(fail, n)
				}
			}
			if rounds > 5 {
				t.Fatalf("limit %d: still between %d and %d", limit, pass, fail)
			}
		}
		if pass != limit {
			t.Fatalf("limit %d found as %d", limit, pass)
		}
	}
}

func TestAnInviteIsAsLongAsWanted(t *testing.T) {
	local, remote := netip.MustParseAddrPort("192.168.88.10:40000"), netip.MustParseAddrPort("198.51.100.2:5060")
	for _, size := range []int{shortInvite, longInvite} {
		b := inviteOf(size, "sdt0123456789abcdefp0001h0123456789abcdef", local, remote, 20000)
		if len(b) < size || len(b) > size+100 {
			t.Errorf("%d bytes, want %d", len(b), size)
		}
		head, body, _ := strings.Cut(string(b), "\r\n\r\n")
		if !strings.Contains(head, "\r\nCSeq: 1 INVITE\r\n") || !strings.HasPrefix(body, "v=0\r\n") || !strings.HasSuffix(body, "\r\n") {
			t.Errorf("no proper INVITE: %q", b)
		}
	}
}
