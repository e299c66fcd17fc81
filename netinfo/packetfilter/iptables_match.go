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
	case "tcp", "udp", "sctp", "dccp", "udplite", "multiport", "icmp", "icmp6", "icmpv6", "ipv6-icmp", "iprange", "state", "conntrack",
		"mark", "connmark", "addrtype", "pkttype", "policy":
		for _, o := range opts {
			if !p.plain(name, o) {
				p.unsure(name + " " + o.text())
			}
		}
	case "set":
		p.set(opts)
	case "recent":
		p.recent(opts)
	case "rpfilter":
		p.rpfilter(opts)
	case "hashlimit":
		p.hashlimit(opts)
	case "connlimit":
		p.connlimit(opts)
	case "helper":
		for _, o := range opts {
			p.add(&Expected{What: name + " " + o.text(), Not: o.not})
		}
	default:
		p.otherExtension(name, opts)
	}
}

// plain reads an option that is a match of its own; false where it is not known.
func (p *iptablesRule) plain(extension string, o option) bool {
	c, compares := comparisons[o.name]
	switch {
	case compares && len(o.args) == 1:
		m, ok := c.read(o.arg(0))
		m.Field = c.field
		return ok && p.match(o, m)
	case o.name == "--syn":
		return p.match(o, Match{Field: FieldTCPFlags, Mask: 1 | 2 | 4 | 16, Nums: OneNum(2)})
	case o.name == "--tcp-flags":
		return p.tcpFlags(o)
	case o.name == "--icmp-type", o.name == "--icmpv6-type":
		return len(o.args) == 1 && p.icmp(o)
	case o.name == "--mark":
		return len(o.args) == 1 && p.mark(o, extension == "connmark")
	case o.name == "--limit-iface-in" && p.r.family == FamilyIP: // for IPv6 the type depends on more
		for _, x := range p.rule.Exprs {
			if m, ok := x.(*Match); ok && m.Field == FieldDstType {
				m.Field = FieldDstTypeIn
			}
		}
		return true
	case o.name == "--dir":
		return o.arg(0) == "in"
	}
	return o.name == "--strict"
}

// match adds a match, negated as the option is.
func (p *iptablesRule) match(o option, m Match) bool {
	m.Not = o.not
	p.add(&m)
	return true
}

// comparisons are the options that compare a field with a value, and how the
// value is read.
var comparisons = map[string]struct {
	field Field
	read  func(string) (Match, bool)
}{
	"--sport": {FieldSrcPort, portsMatch}, "--source-port": {FieldSrcPort, portsMatch},
	"--sports": {FieldSrcPort, portsMatch}, "--source-ports": {FieldSrcPort, portsMatch},
	"--dport": {FieldDstPort, portsMatch}, "--destination-port": {FieldDstPort, portsMatch},
	"--dports": {FieldDstPort, portsMatch}, "--destination-ports": {FieldDstPort, portsMatch},
	"--ports": {FieldSrcPort, func(s string) (Match, bool) {
		m, ok := portsMatch(s)
		m.Or = FieldDstPort
		return m, ok
	}},
	"--src-range": {FieldSrc, addrsMatch}, "--dst-range": {FieldDst, addrsMatch},
	"--ctorigsrc": {FieldCtOrigSrc, addrsMatch}, "--ctorigdst": {FieldCtOrigDst, addrsMatch},
	"--ctorigsrcport": {FieldCtOrigSrcPort, portsMatch}, "--ctorigdstport": {FieldCtOrigDstPort, portsMatch},
	"--state": {FieldCtState, statesMatch}, "--ctstate": {FieldCtState, statesMatch},
	"--ctproto": {FieldCtProtocol, namesMatch(nftProto)}, "--ctdir": {FieldCtDirection, namesMatch(nftDir)},
	"--src-type": {FieldSrcType, namesMatch(nftAddrType)}, "--dst-type": {FieldDstType, namesMatch(nftAddrType)},
	"--pkt-type": {FieldPktType, namesMatch(nftPktType)}, "--pol": {FieldIPsec, namesMatch(iptPolicy)},
}

// numbersOf reads numbers, or names for them in capitals or not, separated by
// commas.
func numbersOf(s string, typ nftType) (list []Span[Num], ok bool) {
	for name := range strings.SplitSeq(strings.ToLower(s), ",") {
		n, ok := nftNumber(name, typ)
		if !ok {
			return nil, false
		}
		list = append(list, Span[Num]{n, n})
	}
	return list, true
}

// bitsOf reads names of bits, separated by commas.
func bitsOf(s string, typ nftType) (bits uint32, ok bool) {
	list, ok := numbersOf(s, typ)
	for _, x := range list {
		bits |= uint32(x.Lo)
	}
	return bits, ok
}

func namesMatch(typ nftType) func(string) (Match, bool) {
	return func(s string) (Match, bool) {
		list, ok := numbersOf(s, typ)
		return Match{Nums: NewSpans(list...)}, ok
	}
}

func statesMatch(s string) (Match, bool) {
	mask, ok := bitsOf(s, nftState)
	return Match{Mask: mask, Nums: AnyBit()}, ok
}

func addrsMatch(s string) (Match, bool) {
	span, ok := addrRange(s)
	return Match{Addrs: NewSpans(span)}, ok
}

func portsMatch(s string) (Match, bool) {
	var spans []Span[Num]
	for one := range strings.SplitSeq(s, ",") {
		span, ok := portRange(one)
		if !ok {
			return Match{}, false
		}
		spans = append(spans, span)
	}
	return Match{Nums: NewSpans(spans...)}, true
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

func (p *iptablesRule) tcpFlags(o option) bool {
	mask, ok1 := bitsOf(o.arg(0), nftTCPFlags)
	want, ok2 := bitsOf(o.arg(1), nftTCPFlags)
	if mask == 0 { // no flag is compared: nothing but "none set" can hold
		p.add(&Never{Not: (want == 0) != o.not})
		return ok1 && ok2
	}
	return ok1 && ok2 && p.match(o, Match{Field: FieldTCPFlags, Mask: mask, Nums: OneNum(Num(want))})
}

// icmpTypes are the names of the types of ICMP messages in a family.
func icmpTypes(ipv6 bool) nftType {
	if ipv6 {
		return nftICMP6Type
	}
	return nftICMPType
}

func (p *iptablesRule) icmp(o option) bool {
	ipv6 := p.r.family == FamilyIP6
	if o.arg(0) == "any" || o.arg(0) == "255" && !ipv6 { // iptables keeps "any" as 255
		if o.not {
			p.add(&Never{})
		}
		return true
	}
	typ, codes, both := strings.Cut(o.arg(0), "/")
	t, ok := nftNumber(typ, icmpTypes(ipv6))
	span := Span[Num]{0, 255}
	if both && ok {
		span, ok = portRange(codes)
	}
	return ok && max(t, span.Hi) < 256 && p.match(o, Match{Field: FieldICMPTypeCode, Nums: NewSpans(Span[Num]{t<<8 | span.Lo, t<<8 | span.Hi})})
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
	field := FieldMark
	if conn {
		field = FieldCtMark
	}
	switch {
	case !ok:
	case mask == 0 && !conn: // compares nothing with v
		p.add(&Never{Not: (v == 0) != o.not})
	case mask == 0: // a connection there must be
		p.add(&Match{Field: field, Not: (v == 0) == o.not, Nums: NumSet{{0, 1<<32 - 1}}})
	default:
		p.match(o, Match{Field: field, Mask: mask, Nums: OneNum(Num(v))})
	}
	return ok
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
			last = &Lookup{SetUse: SetUse{Name: o.arg(0), Dirs: dirs}, Not: o.not}
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
