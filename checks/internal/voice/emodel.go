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

// The defaults of ITU-T G.107, table 2, of which the terms below are made.
const (
	slr  = 8.0   // send loudness rating, dB
	rlr  = 2.0   // receive loudness rating, dB
	ds   = 3.0   // D-value of the telephone, send side
	dr   = 3.0   // receive side
	stmr = 15.0  // sidetone masking rating, dB
	telr = 65.0  // talker echo loudness rating, dB
	wepl = 110.0 // weighted echo path loss, dB
	qdu  = 1.0   // quantising distortion units
	nc   = -70.0 // circuit noise, dBm0p
	nfor = -64.0 // noise floor at the receive side, dBmp
	room = 35.0  // room noise on either side, dB(A)

	// maxBurstR is where the model's experiments end (G.107, table 2).
	maxBurstR = 2.0
)

// R is the transmission rating of a path with a codec, by ITU-T G.107 with all
// other parameters at their defaults and no advantage factor: 93.2 at best. It
// may be below zero.
func R(p Path, c Codec) float64 {
	no := noise()
	ro := 15 - 1.5*(slr+no)
	return ro - simultaneous(ro, no) - delay(p.OneWayMS, ro, no) - Effective(c, p.LossPct, p.BurstR)
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

// delay is Id of G.107, 7.4: echo to the talker, echo to the listener, and
// delay alone, for a one-way delay in ms.
func delay(ms, ro, no float64) float64 {
	t := max(ms, 0)
	terv := telr - 40*math.Log10((1+t/10)/(1+t/150)) + 6*math.Exp(-0.3*t*t)
	re, roe := 80+2.5*(terv-14), -1.5*(no-rlr)
	talker := 0.0
	if t >= 1 { // below 1 ms it counts as sidetone
		// The formula dips below zero for the first few ms.
		talker = max(0, (roe-re)/2+math.Sqrt(sq(roe-re)/4+100)-1) * (1 - math.Exp(-t))
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
