package packetfilter

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ReadIPSetSave reads the output of "ipset save".
func ReadIPSetSave(listing string) Parts {
	r := ipsetReader{byName: map[string]*Set{}}
	for line := range strings.Lines(listing) {
		r.line++
		r.saved(strings.TrimSpace(line))
	}
	return r.parts
}

type ipsetReader struct {
	parts   Parts
	byName  map[string]*Set
	netmask map[*Set]int
	line    int
}

func (r *ipsetReader) fault(why words.Reason) { r.parts.fault(ToolIPSet, r.line, why) }

// saved reads "create NAME TYPE OPTIONS" and "add NAME ELEMENT OPTIONS".
func (r *ipsetReader) saved(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "", "#", "COMMIT":
		return
	case "create", "-N":
		name, rest := ipsetName(rest)
		typ, header, _ := strings.Cut(rest, " ")
		s := &Set{Tool: ToolIPSet, Name: name}
		r.byName[name] = s
		r.parts.Sets = append(r.parts.Sets, s)
		r.setType(s, typ)
		r.header(s, header)
	case "add", "-A":
		name, rest := ipsetName(rest)
		s := r.byName[name]
		if s == nil {
			r.fault(because("set-not-created", "set", shorten(name)))
			return
		}
		r.element(s, rest)
	default:
		r.fault(notUnderstood(line))
	}
}

// ipsetName takes a name, which is quoted when it has spaces in it.
func ipsetName(s string) (name, rest string) {
	if strings.HasPrefix(s, `"`) {
		if name, rest, ok := unquote(s[1:]); ok {
			return name, strings.TrimLeft(rest, " ")
		}
	}
	name, rest, _ = strings.Cut(s, " ")
	return name, rest
}

func (r *ipsetReader) setType(s *Set, typ string) {
	s.Type = typ
	switch {
	case !strings.Contains(typ, ":"):
		s.Incomplete = because("set-type", "set", s.Name, "type", shorten(typ))
		r.fault(s.Incomplete)
		return
	case typ == "list:set":
		s.Members = []string{}
		return
	}
	for _, name := range s.parts() {
		if name == "port" && typ != "bitmap:port" {
			s.Kinds = append(s.Kinds, KindNum) // the protocol
		}
		s.Kinds = append(s.Kinds, ipsetPart(name).kind)
	}
	s.Family = FamilyIP
}

// ipsetPart is what a part of a set's type holds, and what of the packet it is
// compared with by its direction. Sets of several parts keep the protocol before
// a port.
func ipsetPart(name string) (p struct {
	kind     Kind
	src, dst Field
}) {
	switch name {
	case "ip", "net":
		p.kind, p.src, p.dst = KindAddr, FieldSrc, FieldDst
	case "port":
		p.kind, p.src, p.dst = KindNum, FieldSrcPort, FieldDstPort
	case "mark":
		p.kind, p.src, p.dst = KindNum, FieldMark, FieldMark
	case "iface":
		p.kind, p.src, p.dst = KindName, FieldIn, FieldOut
	default:
		p.kind, p.src, p.dst = KindOther, FieldMAC, FieldMAC
	}
	return p
}

// parts are those of the type of an ipset: ip and port of hash:ip,port.
func (s *Set) parts() []string {
	_, names, _ := strings.Cut(s.Type, ":")
	return strings.Split(names, ",")
}

// header reads the options of a set that bear on its elements.
func (r *ipsetReader) header(s *Set, header string) {
	words := strings.Fields(header)
	for i, w := range words {
		value := ""
		if i+1 < len(words) {
			value = words[i+1]
		}
		switch w {
		case "family":
			if value == "inet6" {
				s.Family = FamilyIP6
			}
		case "timeout":
			n, _ := strconv.ParseUint(value, 10, 32)
			s.Timeouts, s.Default = true, platform.Seconds(n)
		case "netmask":
			n, err := strconv.Atoi(value)
			if r.netmask == nil {
				r.netmask = map[*Set]int{}
			}
			if err == nil {
				r.netmask[s] = n
			}
		case "bitmask", "markmask":
			s.Incomplete = because("set-masked", "set", s.Name, "option", w)
		}
	}
}

// element reads "192.0.2.1,tcp:80 timeout 30 packets 1 bytes 2 comment "x"".
func (r *ipsetReader) element(s *Set, line string) {
	word, options, _ := strings.Cut(line, " ")
	if s.Members != nil {
		name, _ := ipsetName(line)
		s.Members = append(s.Members, name)
		return
	}
	el := Element{Text: word}
	values, ok := r.values(s, word)
	if !ok {
		s.Incomplete = because("set-element", "set", s.Name, "element", shorten(word))
		r.fault(s.Incomplete)
		return
	}
	el.Values = values
	for options != "" {
		var name, value string
		name, options, _ = strings.Cut(strings.TrimLeft(options, " "), " ")
		if name == "nomatch" {
			el.NoMatch = true
			continue
		}
		value, options = ipsetName(options)
		switch name {
		case "timeout":
			n, _ := strconv.ParseUint(value, 10, 64)
			el.Timeout = platform.Seconds(n)
		case "comment":
			el.Comment = value
		}
	}
	s.Elements = append(s.Elements, el)
}

// values reads the dimensions of an element.
func (r *ipsetReader) values(s *Set, word string) ([]Value, bool) {
	list := make([]Value, 0, len(s.Kinds))
	_, names, _ := strings.Cut(s.Type, ":")
	for part := range strings.SplitSeq(names, ",") {
		var one string
		one, word, _ = strings.Cut(word, ",")
		switch part {
		case "ip", "net":
			span, ok := addrRange(one)
			if !ok || (span.Lo.Is4() != (s.Family == FamilyIP)) {
				return nil, false
			}
			if n, masked := r.netmask[s]; masked && span.Lo == span.Hi && n >= 0 && n <= span.Lo.BitLen() {
				span = PrefixSpan(netip.PrefixFrom(span.Lo, n))
			}
			list = append(list, Value{Addr: span})
		case "port":
			both, ok := portValues(one, len(s.Kinds) > 1, s.Family == FamilyIP6)
			if !ok {
				return nil, false
			}
			list = append(list, both...)
		case "mark":
			n, err := strconv.ParseUint(one, 0, 32)
			if err != nil {
				return nil, false
			}
			list = append(list, Value{Num: Span[Num]{Num(n), Num(n)}})
		case "iface":
			if one == "" || strings.HasPrefix(one, "physdev:") {
				return nil, false
			}
			list = append(list, Value{Name: one})
		default:
			// A hardware address; an element of bitmap:ip,mac without one takes any.
			list = append(list, Value{Name: one, Any: one == "" && len(s.Kinds) > 1})
		}
	}
	return list, word == "" && len(list) == len(s.Kinds)
}

// portValues reads "udp:5060-5061", "5060" (TCP, in hash sets) or
// "icmp:echo-request" as protocol and port.
func portValues(s string, withProtocol, ipv6 bool) ([]Value, bool) {
	proto := Num(TCP)
	name, port, named := strings.Cut(s, ":")
	if !named {
		port = s
	} else {
		var ok bool
		if proto, ok = protocolNumber(name); !ok || !withProtocol {
			return nil, false
		}
	}
	span, ok := portRange(strings.ReplaceAll(port, "-", ":"))
	if proto == ICMP || proto == ICMPv6 {
		typ, code, _ := strings.Cut(port, "/")
		t, good := nftNumber(typ, icmpTypes(ipv6))
		c, err := strconv.ParseUint("0"+code, 10, 8)
		span, ok = Span[Num]{t<<8 | Num(c), t<<8 | Num(c)}, good && t < 256 && err == nil
	}
	if !ok {
		return nil, false
	}
	if !withProtocol {
		return []Value{{Num: span}}, true
	}
	return []Value{{Num: Span[Num]{proto, proto}}, {Num: span}}, true
}
