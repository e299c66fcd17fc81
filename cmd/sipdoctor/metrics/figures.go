package metrics

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/blocked"
	"github.com/sipdoctor/sipdoctor/checks/fail2ban"
	"github.com/sipdoctor/sipdoctor/checks/media"
	"github.com/sipdoctor/sipdoctor/checks/nat"
	"github.com/sipdoctor/sipdoctor/checks/natlifetime"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/checks/signalling"
	"github.com/sipdoctor/sipdoctor/checks/sipalg"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// factsOf are the facts of a check; ok is false where there are none, or where
// they have another shape, as those of another version may.
func factsOf[T any](r *checks.Report, check string) (facts T, ok bool) {
	res := r.Result(check)
	if res == nil || res.Facts == nil {
		return facts, false
	}
	raw, err := json.Marshal(res.Facts)
	if err != nil {
		return facts, false
	}
	return facts, json.Unmarshal(raw, &facts) == nil
}

// path is what stands between phones and their PBX.
func path(r *checks.Report) (list []Family) {
	if f, ok := factsOf[sipalg.Facts](r, "sip-alg"); ok {
		list = append(list, Family{"sipdoctor_sip_alg_verdict", "What the path does to SIP, as a state set.", stateSet("verdict", f.Verdict, sipalg.Verdicts())})
	}
	if f, ok := factsOf[nat.Facts](r, "nat"); ok && f.NATLayers > 0 {
		list = append(list, Family{"sipdoctor_nat_layers", "Routers with NAT on the path.", one(float64(f.NATLayers))})
	}
	if f, ok := factsOf[natlifetime.Facts](r, "nat-lifetime"); ok {
		atLeast := Family{"sipdoctor_nat_mapping_lifetime_at_least_seconds", "How long the router certainly keeps an idle UDP mapping.", nil}
		below := Family{"sipdoctor_nat_mapping_lifetime_below_seconds", "After how long an idle UDP mapping was gone; absent where it never was.", nil}
		for _, x := range []struct {
			flow           string
			atLeast, below int
		}{{"stream", f.UDPAtLeast, f.UDPBelow}, {"single-exchange", f.SingleAtLeast, f.SingleBelow}, {"sip-port", f.SIPPortAtLeast, f.SIPPortBelow}} {
			if x.atLeast > 0 {
				atLeast.Samples = append(atLeast.Samples, one(float64(x.atLeast), "flow", x.flow)...)
			}
			if x.below > 0 {
				below.Samples = append(below.Samples, one(float64(x.below), "flow", x.flow)...)
			}
		}
		list = append(list, atLeast, below)
	}
	if f, ok := factsOf[rtpports.Facts](r, "rtp-ports"); ok {
		ports, sum := Family{"sipdoctor_rtp_ports", "UDP ports of the RTP range by what the sweep found.", nil}, 0
		for _, x := range []struct {
			state string
			spans []string
		}{{"open", f.Open}, {"blocked-outbound", f.BlockedOutbound}, {"blocked-return", f.BlockedReturn}, {"unknown", f.Unknown}} {
			n := portCount(x.spans)
			sum += n
			ports.Samples = append(ports.Samples, one(float64(n), "state", x.state)...)
		}
		if sum > 0 { // none: there was no sweep, only packets from outside
			list = append(list, ports)
		}
	}
	return list
}

func portCount(spans []string) (n int) {
	for _, s := range spans {
		if p, err := netinfo.ParsePortRange(s); err == nil {
			n += p.Len()
		}
	}
	return n
}

// voice is the test call, in both directions.
func voice(r *checks.Report) []Family {
	f, ok := factsOf[media.Facts](r, "media")
	if !ok {
		return nil
	}
	mos := Family{"sipdoctor_media_mos", "Mean opinion score of the test call by the E-model (ITU-T G.107), G.711; 1 to 4.4.", nil}
	loss := Family{"sipdoctor_media_loss_ratio", "Share of RTP packets lost.", nil}
	jitter := Family{"sipdoctor_media_jitter_seconds", "Mean interarrival jitter (RFC 3550).", nil}
	rtt := Family{"sipdoctor_media_rtt_seconds", "Median round-trip time of the test call.", nil}
	for _, way := range []struct {
		name string
		*media.Direction
	}{{"up", f.Up}, {"down", f.Down}} {
		if way.Direction == nil || !way.Measured() {
			continue
		}
		add := func(to *Family, v float64) { to.Samples = append(to.Samples, one(v, "direction", way.name)...) }
		add(&loss, way.LossPct/100)
		if way.Received > 0 {
			add(&mos, way.MOS)
			add(&jitter, way.JitterMS/1000)
		}
		if way.RTTMS > 0 {
			add(&rtt, way.RTTMS/1000)
		}
	}
	return []Family{mos, loss, jitter, rtt}
}

// signallingOf is how SIP servers answer, by transport.
func signallingOf(r *checks.Report) []Family {
	lines, ok := factsOf[[]signalling.Fact](r, "signalling")
	if !ok {
		return nil
	}
	up := Family{"sipdoctor_signalling_up", "Whether a SIP server answered over the transport.", nil}
	rtt := Family{"sipdoctor_signalling_rtt_seconds", "The shortest time to a SIP answer.", nil}
	targets := Family{"sipdoctor_signalling_targets", "Servers asked over the transport, by what became of it.", nil}
	expiry := Family{"sipdoctor_certificate_expiry_timestamp_seconds", "When the first of the servers' certificates ends.", nil}
	for _, transport := range []string{"udp", "tcp", "tls", "ws", "wss"} {
		counts, best, ends := map[string]int{}, 0.0, time.Time{}
		for _, l := range lines {
			if l.Transport != transport || l.Account != "" {
				continue
			}
			counts[known(string(l.Status), texts(signalling.Statuses()...))]++
			if l.Status == signalling.Answered && l.RTTMillis > 0 && (best == 0 || l.RTTMillis < best) {
				best = l.RTTMillis
			}
			if c := l.Certificate; c != nil && !c.NotAfter.IsZero() && (ends.IsZero() || c.NotAfter.Before(ends)) {
				ends = c.NotAfter
			}
		}
		if len(counts) == 0 {
			continue
		}
		switch {
		case counts[string(signalling.Answered)] > 0:
			up.Samples = append(up.Samples, one(1, "transport", transport)...)
		case r.Result("signalling").ObserveError == nil: // else the run was broken off, and that is no silence
			up.Samples = append(up.Samples, one(0, "transport", transport)...)
		}
		for _, status := range slices.Sorted(maps.Keys(counts)) {
			targets.Samples = append(targets.Samples, one(float64(counts[status]), "transport", transport, "status", status)...)
		}
		if best > 0 {
			rtt.Samples = append(rtt.Samples, one(best/1000, "transport", transport)...)
		}
		if !ends.IsZero() {
			expiry.Samples = append(expiry.Samples, one(float64(ends.Unix()), "transport", transport)...)
		}
	}
	return []Family{up, rtt, targets, expiry}
}

// blockedBy counts, of the addresses that were looked at, those that each kind of block
// keeps out. Where something could not be told of an address there is no zero.
func blockedBy(f blocked.Facts) (out []Sample) {
	list, whole := f.Addresses, true
	if len(list) == 0 && f.Address != "" {
		list = []blocked.Facts{f}
	}
	counts := map[string]int{}
	for _, x := range list {
		whole = whole && x.Decided()
		layers := map[string]bool{}
		for _, b := range x.Blocks {
			if b.Effective {
				layers[known(b.Layer, blocked.Layers())] = true
			}
		}
		for l := range layers {
			counts[l]++
		}
	}
	for _, l := range append(blocked.Layers(), other) {
		if n := counts[l]; n > 0 || whole && len(list) > 0 && l != other {
			out = append(out, one(float64(n), "layer", l)...)
		}
	}
	return out
}

// server is who is blocked on a PBX.
func server(r *checks.Report) (list []Family) {
	if f, ok := factsOf[blocked.Facts](r, "blocked"); ok {
		list = append(list, Family{"sipdoctor_blocked_addresses", "Of the addresses that were looked at, those that this kind of block keeps out.", blockedBy(f)})
	}
	if f, ok := factsOf[fail2ban.Facts](r, "fail2ban"); ok && f.Running {
		n, complete := 0, true
		for _, j := range f.Jails {
			n, complete = n+max(0, j.Banned), complete && j.Banned >= 0
		}
		if complete {
			list = append(list, Family{"sipdoctor_fail2ban_banned_addresses", "Addresses banned by fail2ban's SIP jails.", one(float64(n))})
		}
	}
	return list
}
