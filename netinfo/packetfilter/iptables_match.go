package packetfilter

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
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

// match adds a match, negated as the option is.
func (p *iptablesRule) match(o option, m Match) bool {
	m.Not = o.not
	p.add(&m)
	return true
}

// compares adds the comparison of a field with one number, if there is one.
func (p *iptablesRule) compares(o option, field Field, n Num, ok bool) bool {
	return ok && p.match(o, Match{Field: field, Nums: OneNum(n)})
}

// bitsOf reads names of bits, separated by commas.
func bitsOf(s string, names map[string]Num) (bits uint32, ok bool) {
	for name := range strings.SplitSeq(s, ",") {
		n, known := names[name]
		if !known {
			return 0, false
		}
		bits |= uint32(n)
	}
	return bits, true
}

// otherExtension is a match that depends on the packet, the clock or the traffic
// so far. Those that give the same answer about one packet whenever they are asked
// get a key.
func (p *iptablesRule) otherExtension(name string, opts []option) {
	what := wordsOf(name, opts)
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
	if both {
		lo, hi = cmp.Or(lo, "0"), cmp.Or(hi, "65535")
	} else {
		hi = lo
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
		return p.match(o, Match{Field: FieldTCPFlags, Mask: 1 | 2 | 4 | 16, Nums: OneNum(2)})
	case "--tcp-flags":
		mask, ok1 := bitsOf(o.arg(0), tcpFlags)
		want, ok2 := bitsOf(o.arg(1), tcpFlags)
		if mask == 0 { // no flag is compared: nothing but "none set" can hold
			p.add(&Never{Not: (want == 0) != o.not})
			return ok1 && ok2
		}
		return ok1 && ok2 && p.match(o, Match{Field: FieldTCPFlags, Mask: mask, Nums: OneNum(Num(want))})
	}
	span, ok := portRange(o.arg(0))
	return field != FieldNone && ok && len(o.args) == 1 && p.match(o, Match{Field: field, Nums: NewSpans(span)})
}

var tcpFlags = map[string]Num{"NONE": 0, "ALL": 63, "FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32}

func (p *iptablesRule) multiport(o option) bool {
	var m Match
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
	return p.match(o, m) && len(o.args) == 1
}

// icmpNumber is the type of an ICMP message by number, or by a name as old versions
// of iptables list them.
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
	return p.match(o, Match{Field: FieldICMPTypeCode, Nums: NewSpans(span)})
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
	return ok && len(o.args) == 1 && p.match(o, Match{Field: field, Addrs: NewSpans(span)})
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
		mask, ok := bitsOf(o.arg(0), ctStates)
		return ok && p.match(o, Match{Field: FieldCtState, Mask: mask, Nums: AnyBit()})
	case "--ctproto":
		n, ok := protocolNumber(o.arg(0))
		return p.compares(o, FieldCtProtocol, n, ok)
	case "--ctdir":
		dir, ok := map[string]Num{"ORIGINAL": 0, "REPLY": 1}[o.arg(0)]
		return p.compares(o, FieldCtDirection, dir, ok)
	case "--ctorigsrc", "--ctorigdst":
		span, ok := parseAddrSpan(o.arg(0))
		field := map[string]Field{"--ctorigsrc": FieldCtOrigSrc, "--ctorigdst": FieldCtOrigDst}[o.name]
		return ok && p.match(o, Match{Field: field, Addrs: NewSpans(span)})
	case "--ctorigsrcport", "--ctorigdstport":
		span, ok := portRange(o.arg(0))
		field := map[string]Field{"--ctorigsrcport": FieldCtOrigSrcPort, "--ctorigdstport": FieldCtOrigDstPort}[o.name]
		return ok && p.match(o, Match{Field: field, Nums: NewSpans(span)})
	}
	return false
}

var ctStates = map[string]Num{
	"INVALID": StateInvalid, "NEW": StateNew, "ESTABLISHED": StateEstablished, "RELATED": StateRelated,
	"UNTRACKED": StateUntracked, "SNAT": StateSNAT, "DNAT": StateDNAT,
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
	switch {
	case mask == 0 && !conn: // compares nothing with v
		p.add(&Never{Not: (v == 0) != o.not})
	case mask == 0: // a connection there must be
		p.add(&Match{Field: field, Not: (v == 0) == o.not, Nums: NumSet{{0, 1<<32 - 1}}})
	default:
		p.match(o, Match{Field: field, Mask: mask, Nums: OneNum(Num(v))})
	}
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

// addressTypes reads names of address types. The evaluator does not know those
// above MULTICAST.
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
			p.match(o, Match{Field: FieldSrcType, Nums: types})
		case o.name == "--dst-type" && ok:
			p.match(o, Match{Field: FieldDstType, Nums: types})
		case o.name == "--limit-iface-in" && p.r.family == FamilyIP:
			for _, x := range p.rule.Exprs {
				if m, ok := x.(*Match); ok && m.Field == FieldDstType {
					m.Field = FieldDstTypeIn
				}
			}
		default: // --limit-iface-out; for IPv6 the type depends on more
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
		return p.compares(o, FieldIPsec, n, ok)
	case "--strict":
		return true
	}
	return false
}

// connlimit is a limit on the connections of a source or a network.
func (p *iptablesRule) connlimit(opts []option) {
	x := &Metered{What: wordsOf("connlimit", opts), By: []Field{FieldSrc}}
	for _, o := range opts {
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
	x := &Metered{What: wordsOf("hashlimit", opts), Burst: 5} // XT_HASHLIMIT_BURST
	for _, o := range opts {
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
	return p.compares(o, FieldPktType, n, ok && o.name == "--pkt-type")
}

func (p *iptablesRule) recent(opts []option) {
	m := &RecentMatch{List: "DEFAULT"}
	for _, o := range opts {
		if op, ok := recentOps[o.name]; ok {
			m.Op, m.Not = op, o.not
			continue
		}
		n, err := strconv.Atoi(o.arg(0))
		known := true
		switch o.name {
		case "--seconds":
			m.Seconds, known = n, err == nil
		case "--hitcount":
			m.HitCount, known = n, err == nil
		case "--rttl":
			m.TTL = true
		case "--name":
			m.List = o.arg(0)
		case "--rsource", "--reap":
		case "--rdest":
			m.Dest = true
		case "--mask":
			m.Mask, _ = netip.ParseAddr(o.arg(0))
			_, known = nets.Ones(m.Mask)
		default:
			known = false
		}
		if !known {
			p.unsure("recent " + o.text())
		}
	}
	if m.Op == 0 {
		p.unsure("recent")
		return
	}
	if n, _ := nets.Ones(m.Mask); n == m.Mask.BitLen() {
		m.Mask = netip.Addr{}
	}
	p.add(m)
}

var recentOps = map[string]RecentOp{"--set": RecentSet, "--rcheck": RecentCheck, "--update": RecentUpdate, "--remove": RecentRemove}
