package capture

import "math"

// A key in the audio is two tones at once, one of each group (ITU-T Q.23).
var (
	lowTones  = [4]float64{697, 770, 852, 941}
	highTones = [4]float64{1209, 1336, 1477, 1633}
)

const (
	// leastTone is how many samples tell the tones apart: 15 ms make bins of 67 Hz,
	// and the nearest two are 73 Hz apart.
	leastTone = 120
	// toneShare of all power lies in the two tones of a key; speech, which has them at
	// times, has more beside them.
	toneShare = 0.7
	// toneTwist is by how much one may be stronger: 8 dB (ITU-T Q.24, annex A).
	toneTwist = 6.3
	// toneAlone is by how much a tone is stronger than the others of its group.
	toneAlone = 4
	// toneLevel is the least mean square of the samples, of 16 bits: -42 dBm0.
	toneLevel = 180 * 180
	// tonePackets in a row, 40 ms, make a key (Q.24).
	tonePackets = 2
)

// key is which key is heard in samples of G.711: its number from 1 on, 0 for none.
func key(payload []byte, alaw bool) int {
	if len(payload) < leastTone {
		return 0
	}
	samples, energy := make([]float64, len(payload)), 0.0
	for i, b := range payload {
		x := linear(b, alaw)
		samples[i] = x
		energy += x * x
	}
	if energy < toneLevel*float64(len(samples)) {
		return 0
	}
	low, l, lowAlone := strongest(samples, lowTones)
	high, h, highAlone := strongest(samples, highTones)
	if share := (l + h) * 2 / (float64(len(samples)) * energy); share < toneShare || !lowAlone || !highAlone || l > h*toneTwist || h > l*toneTwist {
		return 0
	}
	return low*4 + high + 1
}

// strongest is the tone of a group that is, its power, and whether it stands out.
func strongest(samples []float64, group [4]float64) (at int, power float64, alone bool) {
	second := 0.0
	for i, hz := range group {
		switch p := goertzel(samples, hz); {
		case p > power:
			at, power, second = i, p, power
		case p > second:
			second = p
		}
	}
	return at, power, power > second*toneAlone
}

// goertzel is the power of samples at a frequency.
func goertzel(samples []float64, hz float64) float64 {
	c := 2 * math.Cos(2*math.Pi*hz/usualClock)
	var a, b float64
	for _, x := range samples {
		a, b = x+c*a-b, a
	}
	return a*a + b*b - c*a*b
}

// linear is a sample of G.711 as one of 16 bits.
func linear(b byte, alaw bool) float64 {
	if alaw {
		b ^= 0x55
		v := int(b&0xf)<<4 + 8
		if e := int(b >> 4 & 7); e > 0 {
			v = (v + 0x100) << (e - 1)
		}
		if b&0x80 == 0 {
			v = -v
		}
		return float64(v)
	}
	b = ^b
	v := (int(b&0xf)<<3+0x84)<<(b>>4&7) - 0x84
	if b&0x80 != 0 {
		v = -v
	}
	return float64(v)
}

// compressed is the byte of G.711 whose sample is nearest.
func compressed(x float64, alaw bool) byte {
	best, least := byte(0), math.Inf(1)
	for b := range 256 {
		if d := math.Abs(linear(byte(b), alaw) - x); d < least {
			best, least = byte(b), d
		}
	}
	return best
}

// sameKey writes the tones of one key, whichever was pressed.
func sameKey(out []byte, alaw bool) {
	const amplitude = 3000
	for i := range out {
		at := 2 * math.Pi * float64(i) / usualClock
		out[i] = compressed(amplitude*(math.Sin(at*lowTones[0])+math.Sin(at*highTones[0])), alaw)
	}
}

// tones counts keys that are heard in the audio: where nobody has agreed on events,
// and while events are sent.
func (s *rtpStream) tones(payload []byte, alaw bool, at int64) {
	during := s.Keys > 0 && at-s.eventAt < eventPause
	if !s.unasked && !during {
		return
	}
	k := key(payload, alaw)
	if k == 0 || k != s.tone {
		s.tone, s.toneRun = k, 0
	}
	if s.toneRun++; k != 0 && s.toneRun == tonePackets {
		if during {
			s.Both++
		} else {
			s.Tones++
		}
	}
}
