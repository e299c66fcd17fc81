// Package voice is how a call sounds: what a stream of RTP packets lost and how
// unevenly it came (RFC 3550, RFC 4737), and what a listener thinks of that
// (ITU-T G.107, the E-model). It is arithmetic: it neither sends nor waits.
package voice

import "math"

// A Codec is what the E-model has to know of one (ITU-T G.113, appendix I,
// tables I.1 and I.4; Bpl is for random loss).
type Codec struct {
	Name    string
	Ie      float64 // equipment impairment without loss
	Bpl     float64 // robustness against packet loss
	DelayMS float64 // of coding 20 ms a packet: the packet itself and the look-ahead (ITU-T G.114, table I.4)
}

// The codecs that have published figures. Opus has none for the narrowband
// model, and those in circulation contradict each other.

// G711 is ITU-T G.711 with the packet loss concealment of its appendix I.
func G711() Codec { return Codec{Name: "G.711", Ie: 0, Bpl: 25.1, DelayMS: 20} }

// G729A is ITU-T G.729 annex A, which looks 5 ms ahead.
func G729A() Codec { return Codec{Name: "G.729A", Ie: 11, Bpl: 19.0, DelayMS: 25} }

// A Path is what the network did to one direction of a call.
type Path struct {
	OneWayMS float64 // from mouth to ear: network, coding and jitter buffer
	LossPct  float64
	// BurstR is how much longer bursts of loss are than at random (ITU-T G.107,
	// 7.5). Below 1 counts as 1.
	BurstR float64
}

// What the model comes to before delay, codec and loss, all else being at the
// defaults of ITU-T G.107, table 2.
const (
	ro   = 94.7688215794 // 7.2: speech against all noise; of the talker's echo as well, as Roe
	is   = 1.4135681311  // 7.3: too loud, wrong sidetone, quantising
	telr = 65.0          // talker echo loudness rating, dB
	wepl = 110.0         // weighted echo path loss, dB

	// maxBurstR is where the model's experiments end (G.107, table 2).
	maxBurstR = 2.0
)

// R is the transmission rating of a path with a codec, by ITU-T G.107 with all
// other parameters at their defaults and no advantage factor: 93.2 at best. It
// may be below zero.
func R(p Path, c Codec) float64 {
	return ro - is - delay(p.OneWayMS) - Effective(c, p.LossPct, p.BurstR)
}

// delay is Id of G.107, 7.4: echo to the talker, echo to the listener, and
// delay alone, for a one-way delay in ms.
func delay(ms float64) float64 {
	t := max(ms, 0)
	terv := telr - 40*math.Log10((1+t/10)/(1+t/150)) + 6*math.Exp(-0.3*t*t)
	re := 80 + 2.5*(terv-14)
	talker := 0.0
	if t >= 1 { // below 1 ms it counts as sidetone
		// The formula dips below zero for the first few ms.
		talker = max(0, (ro-re)/2+math.Sqrt(sq(ro-re)/4+100)-1) * (1 - math.Exp(-t))
	}
	rle := 10.5 * (wepl + 7) * math.Pow(2*t+1, -0.25)
	listener := (ro-rle)/2 + math.Sqrt(sq(ro-rle)/4+169)
	alone := 0.0
	if t > 100 {
		x := math.Log2(t / 100)
		alone = 25 * (root(1+math.Pow(x, 6), 6) - 3*root(1+math.Pow(x/3, 6), 6) + 2)
	}
	return talker + listener + alone
}

// Effective is Ie-eff of G.107, 7.5: what a codec and lost packets take away.
func Effective(c Codec, lossPct, burstR float64) float64 {
	if lossPct <= 0 {
		return c.Ie
	}
	lossPct = min(lossPct, 100)
	return c.Ie + (95-c.Ie)*lossPct/(lossPct/min(max(burstR, 1), maxBurstR)+c.Bpl)
}

// MOS is what listeners give on a scale from 1 to 4.5 (G.107, annex B). The
// formula's dip below 1 at the lower end is cut off.
func MOS(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}

func sq(x float64) float64                   { return x * x }
func root(x float64, degree float64) float64 { return math.Pow(x, 1/degree) }
