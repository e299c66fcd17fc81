package packetfilter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
)

// iptablesRule reads the words of one rule after "-A CHAIN".
type iptablesRule struct {
	r      *iptablesReader
	rule   *Rule
	chain  *Chain
	tokens []token
	proto  string // of -p, for options that name no extension
}

// option is one option of an extension with its values.
type option struct {
	name string
	not  bool
	args []string
}

// arg is the nth value, or empty.
func (o option) arg(n int) string {
	if n < len(o.args) {
		return o.args[n]
	}
	return ""
}

// text is the option as it was written.
func (o option) text() string {
	s := o.name
	if o.not {
		s = "! " + s
	}
	for _, a := range o.args {
		s += " " + a
	}
	return s
}

func (p *iptablesRule) add(x ...Expr) { p.rule.Exprs = append(p.rule.Exprs, x...) }

// unsure adds a match that is not known, with what it is for people.
func (p *iptablesRule) unsure(what string) { p.add(&Unknown{What: what}) }

// isCore reports whether a word is an option of iptables itself, which ends
// the options of an extension.
func isCore(t token) bool {
	if t.quoted {
		return false
	}
	switch t.text {
	case "-m", "--match", "-j", "--jump", "-g", "--goto", "-p", "--protocol", "--proto", "-s", "--source", "--src",
		"-d", "--destination", "--dst", "-i", "--in-interface", "-o", "--out-interface", "-f", "--fragment", "-4", "-6":
		return true
	}
	return false
}

// peekCore reports whether the next word, a negation aside, is of iptables itself.
func (p *iptablesRule) peekCore() bool {
	t := p.tokens
	if len(t) > 1 && t[0].text == "!" && !t[0].quoted {
		t = t[1:]
	}
	return len(t) == 0 || isCore(t[0])
}

func (p *iptablesRule) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	t := p.tokens[0].text
	p.tokens = p.tokens[1:]
	return t
}

// negation takes a "!" that may stand before an option or, as old versions
// wrote it, before its value.
func (p *iptablesRule) negation() bool {
	if len(p.tokens) > 0 && p.tokens[0].text == "!" && !p.tokens[0].quoted {
		p.next()
		return true
	}
	return false
}

func (p *iptablesRule) read() {
	p.rule.Exprs = make([]Expr, 0, 2)
	for len(p.tokens) > 0 {
		not := p.negation()
		if len(p.tokens) == 0 {
			break
		}
		if !isCore(p.tokens[0]) {
			if not {
				p.tokens = append([]token{{text: "!"}}, p.tokens...)
			}
			before := len(p.tokens)
			p.extension(p.proto)
			if len(p.tokens) == before { // not an option
				p.r.fault(notUnderstood(p.tokens[0].text))
				p.unsure(shorten(p.next()))
			}
			continue
		}
		p.core(p.next(), not)
	}
}

func (p *iptablesRule) core(name string, not bool) {
	switch name {
	case "-4", "-6":
		return
	case "-f", "--fragment":
		p.add(&Match{Field: FieldFragment, Not: not, Nums: OneNum(1)})
		return
	}
	not = p.negation() != not
	switch name {
	case "-s", "--source", "--src":
		p.address(FieldSrc, not)
	case "-d", "--destination", "--dst":
		p.address(FieldDst, not)
	case "-i", "--in-interface":
		p.add(&Match{Field: FieldIn, Not: not, Names: []string{p.next()}})
	case "-o", "--out-interface":
		p.add(&Match{Field: FieldOut, Not: not, Names: []string{p.next()}})
	case "-p", "--protocol", "--proto":
		p.protocol(p.next(), not)
	case "-m", "--match":
		p.extension(p.next())
	case "-j", "--jump":
		p.target(p.next())
	case "-g", "--goto":
		p.add(&Verdict{Kind: Goto, Chain: p.next()})
	}
}

// address reads -s or -d: an address, a prefix or an address with a mask.
func (p *iptablesRule) address(field Field, not bool) {
	word := p.next()
	if span, ok := parseAddrSpan(word); ok {
		p.add(&Match{Field: field, Not: not, Addrs: AddrSet{span}})
		return
	}
	var spans []Span[netip.Addr]
	for one := range strings.SplitSeq(word, ",") {
		span, ok := parseAddrSpan(one)
		if !ok {
			p.r.fault(notUnderstood(one))
			p.unsure(shorten(word))
			return
		}
		spans = append(spans, span)
	}
	p.add(&Match{Field: field, Not: not, Addrs: NewSpans(spans...)})
}

// parseAddrSpan reads an address, a prefix, or an address with a netmask.
func parseAddrSpan(s string) (Span[netip.Addr], bool) {
	addr, bits, slash := strings.Cut(s, "/")
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Zone() != "" {
		return Span[netip.Addr]{}, false
	}
	if !slash {
		return Span[netip.Addr]{a, a}, true
	}
	n, err := strconv.Atoi(bits)
	if mask, merr := netip.ParseAddr(bits); err != nil && merr == nil && mask.BitLen() == a.BitLen() {
		var ok bool
		if n, ok = nets.Ones(mask); !ok {
			return Span[netip.Addr]{}, false
		}
		err = nil
	}
	if err != nil || n < 0 || n > a.BitLen() {
		return Span[netip.Addr]{}, false
	}
	return PrefixSpan(netip.PrefixFrom(a, n)), true
}

// protocolNumber is the number of a protocol by name (/etc/protocols) or by
// number; ok is false when it is neither.
func protocolNumber(s string) (n Num, ok bool) {
	n, ok = nftNumber(strings.ToLower(s), nftProto)
	return n, ok && n < 256
}

func (p *iptablesRule) protocol(name string, not bool) {
	p.proto = name
	n, ok := protocolNumber(name)
	switch {
	case name == "all" || ok && n == 0:
		if not {
			p.add(&Never{})
		}
	case !ok:
		p.r.fault(notUnderstood(name))
		p.unsure("protocol " + shorten(name))
	default:
		p.add(&Match{Field: FieldProtocol, Not: not, Nums: OneNum(n)})
	}
}

// options takes the options that follow, up to the next one of iptables itself.
func (p *iptablesRule) options() []option {
	var list []option
	for !p.peekCore() {
		t := p.tokens[0]
		not := p.negation()
		if not && len(p.tokens) == 0 {
			break
		}
		if t = p.tokens[0]; t.quoted || !strings.HasPrefix(t.text, "-") {
			if len(list) == 0 {
				break
			}
			// A further value, or one whose "!" follows its option.
			last := &list[len(list)-1]
			last.not = last.not != not
			last.args = append(last.args, p.next())
			continue
		}
		o := option{name: p.next(), not: not}
		if takesAnything(o.name) && len(p.tokens) > 0 {
			o.args = append(o.args, p.next())
		}
		list = append(list, o)
	}
	return list
}

// takesAnything reports whether an option's value may look like an option.
func takesAnything(name string) bool {
	return slices.Contains([]string{"--comment", "--log-prefix", "--nflog-prefix", "--string", "--hex-string", "--name", "--match-set",
		"--bytecode", "--u32", "--helper", "--cmd-owner"}, name)
}
