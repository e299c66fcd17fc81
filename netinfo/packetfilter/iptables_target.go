package packetfilter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// target reads -j with its options.
func (p *iptablesRule) target(name string) {
	opts := p.options()
	if p.r.chains[name] != nil && iptablesBase(p.r.table.Name, name) == nil {
		p.add(&Verdict{Kind: Jump, Chain: name})
		return
	}
	switch name {
	case "ACCEPT", "DROP", "RETURN", "CONTINUE":
		p.add(&Verdict{Kind: VerdictKind(slices.Index(verdictNames, strings.ToLower(name)))})
	case "QUEUE", "NFQUEUE":
		p.add(&Verdict{Kind: Queue, With: wordsOf(name, opts)})
	case "REJECT":
		p.reject(opts)
	case "TARPIT", "DELUDE", "STEAL":
		p.add(&Verdict{Kind: Drop, With: name})
	case "MARK", "CONNMARK":
		p.setMark(name, opts)
	case "NOTRACK":
		p.add(&NoTrack{})
	case "CT":
		p.connTrack(opts)
	case "SET":
		p.setTarget(opts)
	case "DNAT", "SNAT", "REDIRECT", "MASQUERADE", "SAME", "NETMAP", "BALANCE":
		p.nat(name, opts)
	case "TPROXY":
		p.tproxy(opts)
	case "LOG", "NFLOG", "ULOG", "TRACE", "AUDIT", "TEE", "TCPMSS", "TCPOPTSTRIP", "TOS", "DSCP", "TTL", "HL", "ECN", "CLASSIFY", "CHECKSUM",
		"IDLETIMER", "RATEEST", "SECMARK", "CONNSECMARK", "LED", "ACCOUNT", "SYSRQ", "LOGMARK":
		p.add(&Note{What: wordsOf(name, opts)})
	case "HMARK":
		p.add(&SetMark{To: FieldMark, Unknown: wordsOf(name, opts)})
	default:
		p.add(&Verdict{Kind: Stolen, With: wordsOf(name, opts)})
	}
}

func wordsOf(name string, opts []option) string {
	for _, o := range opts {
		name += " " + o.text()
	}
	return name
}

func (p *iptablesRule) reject(opts []option) {
	with := "icmp-port-unreachable"
	if p.r.family == FamilyIP6 {
		with = "icmp6-port-unreachable"
	}
	for _, o := range opts {
		if o.name == "--reject-with" {
			with = o.arg(0)
		}
	}
	p.add(&Verdict{Kind: Reject, With: with})
}

// setMark reads MARK and CONNMARK. Their kernel forms are new = (old & ~mask) ^
// value (net/netfilter/xt_mark.c, xt_connmark.c).
func (p *iptablesRule) setMark(name string, opts []option) {
	to := FieldMark
	if name == "CONNMARK" {
		to = FieldCtMark
	}
	nfmask, ctmask := ^uint32(0), ^uint32(0)
	move := ""
	for _, o := range opts {
		v, mask, ok := markMask(o.arg(0))
		set := func(keep, xor uint32) { p.add(&SetMark{To: to, Keep: keep, Xor: xor, Unknown: notRead(ok, name, o)}) }
		switch o.name {
		case "--set-xmark":
			set(^mask, v)
		case "--set-mark":
			set(^(mask | v), v)
		case "--and-mark":
			set(v, 0)
		case "--or-mark":
			set(^v, v)
		case "--xor-mark":
			set(^uint32(0), v)
		case "--save-mark", "--restore-mark":
			move = o.name
		case "--nfmask":
			nfmask = v
		case "--ctmask":
			ctmask = v
		case "--mask":
			nfmask, ctmask = v, v
		default:
			p.add(&SetMark{To: to, Unknown: name + " " + o.text()})
		}
	}
	// xt_connmark.c: save: ct = (ct & ~ctmask) ^ (mark & nfmask);
	// restore: mark = (mark & ~nfmask) ^ (ct & ctmask).
	switch move {
	case "--save-mark":
		p.add(&SetMark{To: FieldCtMark, Keep: ^ctmask, From: FieldMark, FromMask: nfmask})
	case "--restore-mark":
		p.add(&SetMark{To: FieldMark, Keep: ^nfmask, From: FieldCtMark, FromMask: ctmask})
	}
}

// notRead is why a mark is not known, empty when it is.
func notRead(ok bool, name string, o option) string {
	if ok {
		return ""
	}
	return name + " " + o.text()
}

func (p *iptablesRule) connTrack(opts []option) {
	for _, o := range opts {
		switch o.name {
		case "--notrack":
			p.add(&NoTrack{})
		case "--helper":
			p.add(&Helper{Name: o.arg(0)})
		default:
			p.add(&Note{What: "CT " + o.text()})
		}
	}
}

func (p *iptablesRule) setTarget(opts []option) {
	for _, o := range opts {
		switch o.name {
		case "--add-set", "--del-set":
			dirs, ok := setDirs(o.arg(1))
			if !ok {
				p.add(&Verdict{Kind: Stolen, With: "SET " + o.text()})
				continue
			}
			p.add(&Update{SetUse: SetUse{Name: o.arg(0), Dirs: dirs}, Delete: o.name == "--del-set"})
		case "--map-mark":
			p.add(&SetMark{To: FieldMark, Unknown: wordsOf("SET", opts)})
		default:
			p.add(&Note{What: "SET " + o.text()})
		}
	}
}

func (p *iptablesRule) nat(name string, opts []option) {
	x := &NAT{Kind: map[string]NATKind{"DNAT": DNAT, "SNAT": SNAT, "SAME": SNAT, "REDIRECT": Redirect, "MASQUERADE": Masquerade, "BALANCE": DNAT, "NETMAP": DNAT}[name]}
	if name == "NETMAP" && (p.chain.Name == "POSTROUTING" || p.chain.Name == "INPUT") {
		x.Kind = SNAT
	}
	x.Unknown = name == "SAME" || name == "BALANCE" || name == "NETMAP" && x.Kind == SNAT
	for _, o := range opts {
		ok := true
		switch o.name {
		case "--to-destination", "--to-source":
			var addrs AddrSet
			var ports NumSet
			addrs, ports, ok = natTarget(o.arg(0))
			x.Addrs, x.Ports = x.Addrs.Union(addrs), x.Ports.Union(ports)
		case "--random", "--random-fully":
			x.Random = true
		case "--to":
			span, good := parseAddrSpan(o.arg(0))
			x.Network, ok = asPrefix(span.Lo, span.Hi)
			ok = ok && good
		case "--to-ports":
			var span Span[Num]
			span, ok = portRange(strings.ReplaceAll(o.arg(0), "-", ":"))
			x.Ports = NewSpans(span)
		}
		if !ok {
			x.Unknown = true
		}
	}
	p.add(x)
}

// natTarget reads "192.0.2.1-192.0.2.9:5060-5070", "[2001:db8::1]:5060" and
// their parts. A port shift ("5060-5070/6060") is not understood.
func natTarget(s string) (addrs AddrSet, ports NumSet, ok bool) {
	host, port := s, ""
	switch {
	case strings.HasPrefix(s, "["):
		host, port, ok = strings.Cut(s[1:], "]")
		if !ok {
			return nil, nil, false
		}
		host = strings.ReplaceAll(strings.ReplaceAll(host, "[", ""), "]", "")
		port = strings.TrimPrefix(port, ":")
	case strings.Count(s, ":") == 1:
		host, port, _ = strings.Cut(s, ":")
	}
	if port != "" {
		span, good := portRange(strings.ReplaceAll(port, "-", ":"))
		if !good {
			return nil, nil, false
		}
		ports = NewSpans(span)
	}
	if host == "" {
		return nil, ports, ports != nil
	}
	span, good := addrRange(host)
	return NewSpans(span), ports, good
}

// tproxy hands the packet to a local socket: it continues to the input hook with
// its addresses as they are, and with a mark.
func (p *iptablesRule) tproxy(opts []option) {
	x := &NAT{Kind: TProxy}
	for _, o := range opts {
		switch o.name {
		case "--tproxy-mark":
			v, mask, ok := markMask(o.arg(0))
			p.add(&SetMark{To: FieldMark, Keep: ^mask, Xor: v, Unknown: notRead(ok, "TPROXY", o)})
		case "--on-ip":
			if a, err := netip.ParseAddr(o.arg(0)); err == nil && !a.IsUnspecified() {
				x.Addrs = AddrSet{{a, a}}
			}
		case "--on-port":
			if n, err := strconv.ParseUint(o.arg(0), 10, 16); err == nil {
				x.Ports = OneNum(Num(n))
			}
		}
	}
	p.add(x)
}
