package voice

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func near(a, b, within float64) bool { return math.Abs(a-b) <= within }

// The figures are published ones: the recommendation's own default, tables of
// G.113 worked through, and the curve that Cole and Rosenbluth (2001) fitted to
// the same model for delays of phone calls.
func TestTheRatingIsThePublishedOne(t *testing.T) {
	for _, tt := range []struct {
		name   string
		path   Path
		codec  Codec
		r, mos float64
		within float64
	}{
		{"nothing wrong (G.107: 93.2, MOS 4.41)", Path{}, G711(), 93.2, 4.41, 0.05},
		{"5 % loss with concealment", Path{LossPct: 5}, G711(), 93.2 - 15.78, 3.92, 0.05},
		{"5 % loss without concealment", Path{LossPct: 5}, g711Plain(), 93.2 - 51.08, 2.17, 0.05},
		{"G.729A", Path{}, G729A(), 82.2, 4.11, 0.05},
		{"G.729A with 1 % loss", Path{LossPct: 1}, G729A(), 93.2 - 15.2, 3.95, 0.05},
		{"all packets lost", Path{LossPct: 100}, G711(), 93.2 - 95*100/125.1, 1.18, 0.06},
		{"100 ms (fit: 90.8)", Path{OneWayMS: 100}, G711(), 90.8, 4.36, 1.5},
		{"150 ms (fit: 89.6)", Path{OneWayMS: 150}, G711(), 89.6, 4.34, 1.5},
		{"250 ms (fit: 79.2)", Path{OneWayMS: 250}, G711(), 79.2, 3.99, 2},
		{"400 ms (fit: 59.1)", Path{OneWayMS: 400}, G711(), 59.1, 3.05, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := R(tt.path, tt.codec)
			if !near(r, tt.r, tt.within) || !near(MOS(r), tt.mos, max(0.02, tt.within/15)) {
				t.Errorf("R %.2f, MOS %.2f; want %.2f, %.2f", r, MOS(r), tt.r, tt.mos)
			}
		})
	}
	// G.109: the borders of the categories, as G.107 annex B gives them.
	for r, mos := range map[float64]float64{90: 4.34, 80: 4.03, 70: 3.60, 60: 3.10, 50: 2.58} {
		if !near(MOS(r), mos, 0.01) {
			t.Errorf("R %v is MOS %.2f, want %.2f", r, MOS(r), mos)
		}
	}
}

func TestWorseIsNeverBetter(t *testing.T) {
	for _, c := range []Codec{G711(), g711Plain(), G729A()} {
		for range 2000 {
			p := Path{OneWayMS: rand.Float64() * 800, LossPct: rand.Float64() * 100, BurstR: 1 + rand.Float64()}
			for name, q := range map[string]Path{
				"delay":  {p.OneWayMS + rand.Float64()*200, p.LossPct, p.BurstR},
				"loss":   {p.OneWayMS, p.LossPct + rand.Float64()*(100-p.LossPct), p.BurstR},
				"bursts": {p.OneWayMS, p.LossPct, p.BurstR + rand.Float64()},
			} {
				// Echo's masking makes the model rise by a hair in places.
				if a, b := R(p, c), R(q, c); b > a+0.02 || MOS(b) > MOS(a)+0.001 {
					t.Fatalf("%s: more %s makes %+v (R %.3f) better: %+v (R %.3f)", c.Name, name, p, a, q, b)
				}
			}
			if m := MOS(R(p, c)); m < 1 || m > 4.5 {
				t.Fatalf("%+v: MOS %v", p, m)
			}
		}
	}
}

// stream feeds a meter packets that come after the given transit times, in
// order of arrival; a negative one is lost.
func stream(m *Meter, transit ...time.Duration) {
	for i, d := range transit {
		if d >= 0 {
			at := time.Duration(i) * 20 * time.Millisecond
			m.Take(i, at+time.Hour, at+d) // the clocks differ by an hour
		}
	}
}

func TestJitterIsThatOfRFC3550(t *testing.T) {
	const ms = time.Millisecond
	var even, swinging Meter
	stream(&even, 40*ms, 40*ms, 40*ms, 40*ms)
	if s := even.Stats(4); s.JitterMS != 0 || s.Received != 4 || s.LossPct() != 0 {
		t.Errorf("an even stream: %+v", s)
	}
	var transit []time.Duration
	for i := range 1000 {
		transit = append(transit, 40*ms+time.Duration(i%2)*16*ms)
	}
	stream(&swinging, transit...)
	// Every difference is 16 ms, so the estimator climbs to it, by 1 ms first.
	s := swinging.Stats(1000)
	if !near(s.JitterMaxMS, 16, 0.01) || !near(s.JitterMS, 16, 0.3) {
		t.Errorf("a stream that swings by 16 ms: %+v", s)
	}
	var two Meter
	stream(&two, 0, 16*ms)
	if s := two.Stats(2); !near(s.JitterMS, 1, 1e-9) {
		t.Errorf("a sixteenth of the first difference is 1 ms, not %v", s.JitterMS)
	}
}

func TestWhatIsLostIsCountedAndHowItWasLost(t *testing.T) {
	const ok, lost = time.Duration(0), time.Duration(-1)
	for _, tt := range []struct {
		name  string
		came  []time.Duration
		sent  int
		want  Stats
		burst float64
	}{
		{"nothing", []time.Duration{ok, ok, ok}, 3, Stats{Sent: 3, Received: 3}, 1},
		{"one in the middle", []time.Duration{ok, lost, ok}, 3, Stats{Sent: 3, Received: 2, Bursts: 1, BurstMax: 1}, 1},
		{"the first and the last", []time.Duration{lost, ok, ok}, 4, Stats{Sent: 4, Received: 2, Bursts: 2, BurstMax: 1}, 1},
		{"a gap", []time.Duration{ok, lost, lost, lost, lost, ok, ok, ok}, 8, Stats{Sent: 8, Received: 4, Bursts: 1, BurstMax: 4, Gaps: 1}, 2},
		{"everything", nil, 50, Stats{Sent: 50, Bursts: 1, BurstMax: 50, Gaps: 1}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m Meter
			stream(&m, tt.came...)
			got := m.Stats(tt.sent)
			if diff := cmp.Diff(tt.want, got); diff != "" || !near(got.BurstR(), tt.burst, 1e-9) {
				t.Errorf("BurstR %v\n%s", got.BurstR(), diff)
			}
		})
	}
	var m Meter
	for _, seq := range []int{0, 2, 1, 1, 3, -1, MaxPackets, 1 << 30} {
		m.Take(seq, 0, 0)
	}
	if s := m.Stats(4); s.Received != 4 || s.Duplicates != 1 || s.Reordered != 1 || m.Highest() != 4 || m.Count() != 4 {
		t.Errorf("overtaken, doubled and absurd packets: %+v, highest %d", s, m.Highest())
	}
}

func TestRandomLossIsNotBurstyAndBurstsAre(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		var random, bursty Meter
		gone := 0
		for i := range MaxPackets {
			if r.Float64() >= 0.05 {
				random.Take(i, 0, 0)
			}
			if gone--; gone <= 0 && r.Float64() < 0.01 {
				gone = 5
			}
			if gone <= 0 {
				bursty.Take(i, 0, 0)
			}
		}
		a, b := random.Stats(MaxPackets), bursty.Stats(MaxPackets)
		if a.BurstR() > 1.15 || b.BurstR() < 3 {
			t.Fatalf("seed %d: random loss has BurstR %.2f, bursts of five %.2f", seed, a.BurstR(), b.BurstR())
		}
	}
}

// One packet, or one moment, is no bad line; a line that loses five in a
// hundred is one after ten seconds.
func TestAHandfulOfPacketsProvesLittle(t *testing.T) {
	for _, tt := range []struct {
		name      string
		s         Stats
		more, max float64 // bounds of what is sure, percent
	}{
		{"nothing lost", Stats{Sent: 500, Received: 500}, 0, 0},
		{"one of 500", Stats{Sent: 500, Received: 499, Bursts: 1, BurstMax: 1}, 0, 0},
		{"half a second at once", Stats{Sent: 500, Received: 475, Bursts: 1, BurstMax: 25}, 0, 0},
		{"half a second twice", Stats{Sent: 500, Received: 450, Bursts: 2, BurstMax: 25}, 0.1, 3},
		{"one in twenty", Stats{Sent: 500, Received: 475, Bursts: 24, BurstMax: 2}, 3, 5},
		{"every second one", Stats{Sent: 500, Received: 250, Bursts: 125, BurstMax: 7}, 40, 50},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.s.LossAtLeast(Z40); got < tt.more || got > tt.max {
				t.Errorf("at least %.2f %%, want %v to %v", got, tt.more, tt.max)
			}
		})
	}
	// The bound holds: of lines that lose 3 %, it says more than that once in
	// forty times.
	wrong := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 2))
		var m Meter
		for i := range 500 {
			if r.Float64() >= 0.03 {
				m.Take(i, 0, 0)
			}
		}
		if m.Stats(500).LossAtLeast(Z40) > 3 {
			wrong++
		}
	}
	if wrong > 2000/25 {
		t.Errorf("the bound was wrong %d times in 2000", wrong)
	}
	if AtLeast(0, 10, Z40) != 0 || AtLeast(3, 0, Z40) != 0 || AtLeast(20, 10, Z2000) > 1 {
		t.Error("shares are from 0 to 1")
	}
}

// g711Plain is ITU-T G.711 that plays silence for what was lost.
func g711Plain() Codec { return Codec{Name: "G.711 without concealment", Bpl: 4.3, DelayMS: 20} }

// The defaults of ITU-T G.107, table 2, of which the constants are made.
const (
	slr  = 8.0   // send loudness rating, dB
	rlr  = 2.0   // receive loudness rating, dB
	ds   = 3.0   // D-value of the telephone, send side
	dr   = 3.0   // receive side
	stmr = 15.0  // sidetone masking rating, dB
	qdu  = 1.0   // quantising distortion units
	nc   = -70.0 // circuit noise, dBm0p
	nfor = -64.0 // noise floor at the receive side, dBmp
	room = 35.0  // room noise on either side, dB(A)
)

func TestTheConstantsFollowFromTheDefaults(t *testing.T) {
	no := noise()
	if want := 15 - 1.5*(slr+no); !near(ro, want, 1e-9) || !near(ro, -1.5*(no-rlr), 1e-9) || !near(is, simultaneous(want, no), 1e-9) {
		t.Errorf("Ro %.10f, Roe %.10f, Is %.10f", want, -1.5*(no-rlr), simultaneous(want, no))
	}
}

// noise is No of G.107, 7.2: all noise, as if at the 0 dBr point, dBm0p.
func noise() float64 {
	olr := slr + rlr
	nos := room - slr - ds - 100 + 0.004*sq(room-olr-ds-14)
	pre := room + 10*math.Log10(1+math.Pow(10, (10-stmr-dr)/10))
	nor := rlr - 121 + pre + 0.008*sq(pre-35)
	return 10 * math.Log10(math.Pow(10, nc/10)+math.Pow(10, nos/10)+math.Pow(10, nor/10)+math.Pow(10, (nfor+rlr)/10))
}

// simultaneous is Is of G.107, 7.3: too loud, wrong sidetone, quantising. The
// sidetone is taken without delay, as for the default of 93.2: what delay does
// to it is echo.
func simultaneous(ro, no float64) float64 {
	xolr := slr + rlr + 0.2*(64+no-rlr)
	iolr := 20 * (root(1+math.Pow(xolr/8, 8), 8) - xolr/8)
	stmro := -10 * math.Log10(math.Pow(10, -stmr/10)+math.Pow(10, -telr/10))
	ist := 12*root(1+math.Pow((stmro-13)/6, 8), 8) - 28*root(1+math.Pow((stmro+1)/19.4, 35), 35) -
		13*root(1+math.Pow((stmro-3)/33, 13), 13) + 29
	q := 37 - 15*math.Log10(qdu)
	g := 1.07 + 0.258*q + 0.0602*sq(q)
	iq := 15 * math.Log10(1+math.Pow(10, (ro-100)/15+46/8.4-g/9)+math.Pow(10, 46.0/30-g/40))
	return iolr + ist + iq
}
