package packetfilter

import (
	"net/netip"
	"strconv"
	"strings"
)

// extension reads the options of a match extension and adds what it means.
func (p *iptablesRule) extension(name string) {
	opts := p.options()
	switch name {
	case "comment":
		for _, o := range opts {
			if o.name == "--comment" {
				p.rule.Comment = o.arg(0)
			}
		}
	case "tcp", "udp", "sctp", "dccp", "udplite":
		p.each(opts, name, p.ports)
	case "multiport":
		p.each(opts, name, p.multiport)
	case "icmp", "icmp6", "icmpv6", "ipv6-icmp":
		p.each(opts, name, p.icmp)
	case "iprange":
		p.each(opts, name, p.iprange)
	case "state", "conntrack":
		p.each(opts, name, p.conntrack)
	case "mark", "connmark":
		p.each(opts, name, func(o option) bool { return p.mark(o, name == "connmark") })
	case "set":
		p.set(opts)
	case "addrtype":
		p.addrtype(opts)
	case "pkttype":
		p.each(opts, name, p.pkttype)
	case "recent":
		p.recent(opts)
	case "rpfilter":
		p.rpfilter(opts)
	case "hashlimit":
		p.hashlimit(opts)
	case "connlimit":
		p.connlimit(opts)
	case "policy":
		p.each(opts, name, p.policy)
	case "helper":
		for _, o := range opts {
			p.add(&Expected{What: name + " " + o.text(), Not: o.not})
		}
	default:
		p.otherExtension(name, opts)
	}
}

// each reads option by option; those that read does not know become unknown
// matches.
func (p *iptablesRule) each(opts []option, name string, read func(option) bool) {
	for _, o := range opts {
		if !read(o) {
			p.unsure(name + " " + o.text())
		}
	}
}

// otherExtension is a match that only the packet, the clock or the traffic so
// far can tell. Those that say the same of one packet each time they are asked
// get a key.
func (p *iptablesRule) otherExtension(name string, opts []option) {
	what := name
	for _, o := range opts {
		what += " " + o.text()
	}
	u := &Unknown{What: what}
	switch name {
	case "esp", "ah": // headers of IPsec, which neither UDP nor TCP have
		n, _ := protocolNumber(name)
		p.add(&Match{Field: FieldProtocol, Nums: OneNum(n)})
	case "rt", "hbh", "dst", "frag", "mh":
		// A plain packet has none of these IPv6 headers, and without the header
		// the match fails, whatever "!" stands before its options. ufw drops
		// routing headers first of all.
		p.add(&Never{})
		return
	case "string", "geoip", "time", "owner", "u32", "bpf", "socket", "mac", "physdev",
		"ttl", "hl", "tos", "dscp", "length", "ecn", "realm", "cpu", "devgroup", "osf", "asn", "ipv6header":
		u.Key = "xt:" + what
	}
	p.add(u)
}

// portRange reads "80", "5060:5070", ":1023" or "1024:".
func portRange(s string) (Span[Num], bool) {
	lo, hi, both := strings.Cut(s, ":")
	if !both {
		hi = lo
	}
	if both && lo == "" {
		lo = "0"
	}
	if both && hi == "" {
		hi = "65535"
	}
	a, err1 := strconv.ParseUint(lo, 10, 16)
	b, err2 := strconv.ParseUint(hi, 10, 16)
	return Span[Num]{Num(a), Num(b)}, err1 == nil && err2 == nil
}

func (p *iptablesRule) ports(o option) bool {
	field := FieldNone
	switch o.name {
	case "--sport", "--source-port", "--sports", "--source-ports":
		field = FieldSrcPort
	case "--dport", "--destination-port", "--dports", "--destination-ports":
		field = FieldDstPort
	case "--syn":
		p.add(&Match{Field: FieldTCPFlags, Not: o.not, Mask: 1 | 2 | 4 | 16, Nums: OneNum(2)})
		return true
	case "--tcp-flags":
		mask, ok1 := tcpFlags(o.arg(0))
		want, ok2 := tcpFlags(o.arg(1))
		if mask == 0 { // no flag is compared: nothing but "none set" can hold
			p.add(&Never{Not: (want == 0) != o.not})
			return ok1 && ok2
		}
		p.add(&Match{Field: FieldTCPFlags, Not: o.not, Mask: mask, Nums: OneNum(Num(want))})
		return ok1 && ok2
	}
	span, ok := portRange(o.arg(0))
	if field == FieldNone || !ok || len(o.args) != 1 {
		return false
	}
	p.add(&Match{Field: field, Not: o.not, Nums: NewSpans(span)})
	return true
}

func tcpFlags(s string) (bits uint32, ok bool) {
	for name := range strings.SplitSeq(s, ",") {
		switch name {
		case "NONE":
		case "ALL":
			bits |= 63
		case "FIN":
			bits |= 1
		case "SYN":
			bits |= 2
		case "RST":
			bits |= 4
		case "PSH":
			bits |= 8
		case "ACK":
			bits |= 16
		case "URG":
			bits |= 32
		default:
			return 0, false
		}
	}
	return bits, true
}

func (p *iptablesRule) multiport(o option) bool {
	m := &Match{Not: o.not}
	switch o.name {
	case "--sports", "--source-ports":
		m.Field = FieldSrcPort
	case "--dports", "--destination-ports":
		m.Field = FieldDstPort
	case "--ports":
		m.Field, m.Or = FieldSrcPort, FieldDstPort
	default:
		return false
	}
	var spans []Span[Num]
	for one := range strings.SplitSeq(o.arg(0), ",") {
		span, ok := portRange(one)
		if !ok {
			return false
		}
		spans = append(spans, span)
	}
	m.Nums = NewSpans(spans...)
	p.add(m)
	return len(o.args) == 1
}

// icmpNames are the names that old versions of iptables wrote in listings.
func icmpNumber(name string, ipv6 bool) (typ Num, ok bool) {
	names := map[string]Num{
		"echo-reply": 0, "pong": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8, "ping": 8,
		"router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "ttl-exceeded": 11, "parameter-problem": 12,
		"timestamp-request": 13, "timestamp-reply": 14, "address-mask-request": 17, "address-mask-reply": 18,
	}
	if ipv6 {
		names = map[string]Num{
			"destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "ttl-exceeded": 3, "parameter-problem": 4,
			"echo-request": 128, "ping": 128, "echo-reply": 129, "pong": 129, "router-solicitation": 133, "router-advertisement": 134,
			"neighbour-solicitation": 135, "neighbor-solicitation": 135, "neighbour-advertisement": 136, "neighbor-advertisement": 136, "redirect": 137,
		}
	}
	if n, found := names[name]; found {
		return n, true
	}
	n, err := strconv.ParseUint(name, 10, 8)
	return Num(n), err == nil
}

func (p *iptablesRule) icmp(o option) bool {
	if o.name != "--icmp-type" && o.name != "--icmpv6-type" || len(o.args) != 1 {
		return false
	}
	ipv6 := p.r.family == FamilyIP6
	if o.arg(0) == "any" || o.arg(0) == "255" && !ipv6 { // iptables keeps "any" as 255
		if o.not {
			p.add(&Never{})
		}
		return true
	}
	typ, code, both := strings.Cut(o.arg(0), "/")
	t, ok := icmpNumber(typ, ipv6)
	if !ok {
		return false
	}
	span := Span[Num]{t << 8, t<<8 | 255}
	if both {
		lo, hi, ranged := strings.Cut(code, ":")
		if !ranged {
			hi = lo
		}
		a, err1 := strconv.ParseUint(lo, 10, 8)
		b, err2 := strconv.ParseUint(hi, 10, 8)
		if err1 != nil || err2 != nil {
			return false
		}
		span = Span[Num]{t<<8 | Num(a), t<<8 | Num(b)}
	}
	p.add(&Match{Field: FieldICMPTypeCode, Not: o.not, Nums: NewSpans(span)})
	return true
}

func (p *iptablesRule) iprange(o option) bool {
	field := FieldSrc
	switch o.name {
	case "--src-range":
	case "--dst-range":
		field = FieldDst
	default:
		return false
	}
	span, ok := addrRange(o.arg(0))
	if !ok || len(o.args) != 1 {
		return false
	}
	p.add(&Match{Field: field, Not: o.not, Addrs: NewSpans(span)})
	return true
}

// addrRange reads "192.0.2.1-192.0.2.9" or one address.
func addrRange(s string) (Span[netip.Addr], bool) {
	lo, hi, both := strings.Cut(s, "-")
	if !both {
		return parseAddrSpan(s)
	}
	a, err1 := netip.ParseAddr(lo)
	b, err2 := netip.ParseAddr(hi)
	return Span[netip.Addr]{a, b}, err1 == nil && err2 == nil && a.BitLen() == b.BitLen() && a.Zone() == "" && b.Zone() == ""
}

func (p *iptablesRule) conntrack(o option) bool {
	switch o.name {
	case "--state", "--ctstate":
		mask, ok := ctStates(o.arg(0))
		if ok {
			p.add(&Match{Field: FieldCtState, Not: o.not, Mask: mask, Nums: AnyBit()})
		}
		return ok
	case "--ctproto":
		n, ok := protocolNumber(o.arg(0))
		p.add(&Match{Field: FieldCtProtocol, Not: o.not, Nums: OneNum(n)})
		return ok
	case "--ctdir":
		n := map[string]Num{"ORIGINAL": 0, "REPLY": 1}
		dir, ok := n[o.arg(0)]
		p.add(&Match{Field: FieldCtDirection, Not: o.not, Nums: OneNum(dir)})
		return ok
	case "--ctorigsrc", "--ctorigdst":
		span, ok := parseAddrSpan(o.arg(0))
		field := map[string]Field{"--ctorigsrc": FieldCtOrigSrc, "--ctorigdst": FieldCtOrigDst}[o.name]
		p.add(&Match{Field: field, Not: o.not, Addrs: NewSpans(span)})
		return ok
	case "--ctorigsrcport", "--ctorigdstport":
		span, ok := portRange(o.arg(0))
		field := map[string]Field{"--ctorigsrcport": FieldCtOrigSrcPort, "--ctorigdstport": FieldCtOrigDstPort}[o.name]
		p.add(&Match{Field: field, Not: o.not, Nums: NewSpans(span)})
		return ok
	}
	return false
}

func ctStates(s string) (mask uint32, ok bool) {
	for name := range strings.SplitSeq(s, ",") {
		switch name {
		case "INVALID":
			mask |= uint32(StateInvalid)
		case "NEW":
			mask |= uint32(StateNew)
		case "ESTABLISHED":
			mask |= uint32(StateEstablished)
		case "RELATED":
			mask |= uint32(StateRelated)
		case "UNTRACKED":
			mask |= uint32(StateUntracked)
		case "SNAT":
			mask |= uint32(StateSNAT)
		case "DNAT":
			mask |= uint32(StateDNAT)
		default:
			return 0, false
		}
	}
	return mask, mask != 0
}

// markMask reads "0x4", "0x4/0xff" or decimal.
func markMask(s string) (value, mask uint32, ok bool) {
	v, m, both := strings.Cut(s, "/")
	a, err1 := strconv.ParseUint(v, 0, 32)
	if !both {
		return uint32(a), ^uint32(0), err1 == nil
	}
	b, err2 := strconv.ParseUint(m, 0, 32)
	return uint32(a), uint32(b), err1 == nil && err2 == nil
}

func (p *iptablesRule) mark(o option, conn bool) bool {
	v, mask, ok := markMask(o.arg(0))
	if o.name != "--mark" || !ok || len(o.args) != 1 {
		return false
	}
	field := FieldMark
	if conn {
		field = FieldCtMark
	}
	if mask == 0 { // compares nothing with v
		if !conn {
			p.add(&Never{Not: (v == 0) != o.not})
			return true
		}
		m := &Match{Field: field, Not: (v == 0) == o.not} // a connection there must be
		m.Nums = NumSet{{0, 1<<32 - 1}}
		p.add(m)
		return true
	}
	p.add(&Match{Field: field, Not: o.not, Mask: mask, Nums: OneNum(Num(v))})
	return true
}

// setDirs reads "src,dst".
func setDirs(s string) ([]Dir, bool) {
	var dirs []Dir
	for one := range strings.SplitSeq(s, ",") {
		switch one {
		case "src":
			dirs = append(dirs, DirSrc)
		case "dst":
			dirs = append(dirs, DirDst)
		default:
			return nil, false
		}
	}
	return dirs, true
}

func (p *iptablesRule) set(opts []option) {
	var last *Lookup
	for _, o := range opts {
		switch o.name {
		case "--match-set", "--set":
			dirs, ok := setDirs(o.arg(1))
			if !ok || len(o.args) != 2 {
				p.unsure("set " + o.text())
				continue
			}
			last = &Lookup{Name: o.arg(0), Dirs: dirs, Not: o.not}
			p.add(last)
		case "--return-nomatch":
			if last != nil {
				last.ReturnNoMatch = !o.not
			}
		case "--update-counters", "--update-subcounters":
		default:
			if last == nil {
				p.unsure("set " + o.text())
			} else {
				last.Extra = "set " + last.Name + " " + o.text()
			}
		}
	}
}

// addressTypes are the types that can be told; the others become a number
// above them, which the evaluator does not know either.
func addressTypes(s string) (NumSet, bool) {
	numbers := map[string]Num{"UNSPEC": 0, "UNICAST": 1, "LOCAL": 2, "BROADCAST": 3, "ANYCAST": 4, "MULTICAST": 5,
		"BLACKHOLE": 6, "UNREACHABLE": 7, "PROHIBIT": 8, "THROW": 9, "NAT": 10, "XRESOLVE": 11}
	var spans []Span[Num]
	for name := range strings.SplitSeq(s, ",") {
		n, ok := numbers[name]
		if !ok {
			return nil, false
		}
		spans = append(spans, Span[Num]{n, n})
	}
	return NewSpans(spans...), true
}

func (p *iptablesRule) addrtype(opts []option) {
	for _, o := range opts {
		types, ok := addressTypes(o.arg(0))
		switch {
		case o.name == "--src-type" && ok:
			p.add(&Match{Field: FieldSrcType, Not: o.not, Nums: types})
		case o.name == "--dst-type" && ok:
			p.add(&Match{Field: FieldDstType, Not: o.not, Nums: types})
		case o.name == "--limit-iface-in" && p.r.family == FamilyIP:
			for _, x := range p.rule.Exprs {
				if m, ok := x.(*Match); ok && m.Field == FieldDstType {
					m.Field = FieldDstTypeIn
				}
			}
		default: // --limit-iface-out; of IPv6 the type hangs on more
			p.unsure("addrtype " + o.text())
		}
	}
}

// rpfilter matches packets whose way back leads out of the interface they came
// in by, or with --loose out of any.
func (p *iptablesRule) rpfilter(opts []option) {
	m := &Match{Field: FieldWayBack, Nums: OneNum(1)}
	for _, o := range opts {
		switch o.name {
		case "--loose":
			m.Field = FieldWayBackAny
		case "--invert":
			m.Not = !m.Not
		case "--validmark":
		default:
			p.unsure("rpfilter " + o.text())
		}
	}
	p.add(m)
}

// policy asks whether the packet came through IPsec.
func (p *iptablesRule) policy(o option) bool {
	switch o.name {
	case "--dir":
		return o.arg(0) == "in"
	case "--pol":
		n, ok := map[string]Num{"none": 0, "ipsec": 1}[o.arg(0)]
		p.add(&Match{Field: FieldIPsec, Not: o.not, Nums: OneNum(n)})
		return ok
	case "--strict":
		return true
	}
	return false
}

// connlimit is a limit on the connections of a source or a network.
func (p *iptablesRule) connlimit(opts []option) {
	x := &Metered{What: "connlimit", By: []Field{FieldSrc}}
	for _, o := range opts {
		x.What += " " + o.text()
		n, err := strconv.ParseUint(o.arg(0), 10, 32)
		switch {
		case o.name == "--connlimit-above" && err == nil:
			x.Most, x.Over = n, !o.not
		case o.name == "--connlimit-upto" && err == nil:
			x.Most, x.Over = n, o.not
		case o.name == "--connlimit-daddr":
			x.By = []Field{FieldDst}
		}
	}
	if x.Most == 0 {
		p.unsure(x.What)
		return
	}
	p.add(x)
}

// hashlimit is a limit that every source, or whatever its mode tells apart, has
// for itself.
func (p *iptablesRule) hashlimit(opts []option) {
	x := &Metered{What: "hashlimit", Burst: 5} // XT_HASHLIMIT_BURST
	for _, o := range opts {
		x.What += " " + o.text()
		switch o.name {
		case "--hashlimit-above":
			x.Over = !x.Over
		case "--hashlimit-burst":
			n, err := strconv.ParseUint(o.arg(0), 10, 32)
			if x.Burst = n; err != nil { // bytes: of a packet whose size is not known
				p.unsure("hashlimit " + o.text())
			}
		case "--hashlimit-name":
			x.Hash = o.arg(0)
		case "--hashlimit-mode":
			for mode := range strings.SplitSeq(o.arg(0), ",") {
				field, ok := map[string]Field{"srcip": FieldSrc, "dstip": FieldDst, "srcport": FieldSrcPort, "dstport": FieldDstPort}[mode]
				if !ok {
					p.unsure("hashlimit " + o.text())
				}
				x.By = append(x.By, field)
			}
		case "--hashlimit-srcmask", "--hashlimit-dstmask", "--hashlimit-rate-match": // buckets of networks
			p.unsure("hashlimit " + o.text())
		}
		if o.not {
			x.Over = !x.Over
		}
	}
	if x.Hash == "" {
		p.unsure(x.What)
		return
	}
	p.add(x)
}

func (p *iptablesRule) pkttype(o option) bool {
	n, ok := map[string]Num{"unicast": 0, "host": 0, "broadcast": 1, "bcast": 1, "multicast": 2, "mcast": 2, "otherhost": 3}[o.arg(0)]
	if o.name != "--pkt-type" || !ok {
		return false
	}
	p.add(&Match{Field: FieldPktType, Not: o.not, Nums: OneNum(n)})
	return true
}

func (p *iptablesRule) recent(opts []option) {
	m := &RecentMatch{List: "DEFAULT"}
	for _, o := range opts {
		n, err := strconv.Atoi(o.arg(0))
		switch o.name {
		case "--set":
			m.Op, m.Not = RecentSet, o.not
		case "--rcheck":
			m.Op, m.Not = RecentCheck, o.not
		case "--update":
			m.Op, m.Not = RecentUpdate, o.not
		case "--remove":
			m.Op, m.Not = RecentRemove, o.not
		case "--seconds":
			m.Seconds = n
		case "--hitcount":
			m.HitCount = n
		case "--rttl":
			m.TTL = true
		case "--name":
			m.List = o.arg(0)
		case "--rsource", "--reap":
			continue
		case "--rdest":
			m.Dest = true
		case "--mask":
			m.Mask, err = netip.ParseAddr(o.arg(0))
			if err == nil && !contiguous(m.Mask, leadingOnes(m.Mask)) {
				p.unsure("recent " + o.text())
			}
		default:
			p.unsure("recent " + o.text())
			continue
		}
		if err != nil && (o.name == "--seconds" || o.name == "--hitcount" || o.name == "--mask") {
			p.unsure("recent " + o.text())
		}
	}
	if m.Op == 0 {
		p.unsure("recent")
		return
	}
	if m.Mask.IsValid() && m.Mask.BitLen() == leadingOnes(m.Mask) {
		m.Mask = netip.Addr{}
	}
	p.add(m)
}
