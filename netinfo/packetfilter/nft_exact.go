package packetfilter

import (
	"net/netip"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// plainComment reports whether every version of nft writes a comment as Go
// quotes it.
func plainComment(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '\\' || c == '"' }) < 0
}

// exactStatement reports whether renderNFT words a statement as every version of
// nft does. Bans that are rules of their own have such forms, and then no chain
// of theirs need be listed as text for the sake of one.
func exactStatement(key string, v any) bool {
	switch key {
	case "accept", "drop", "return", "continue":
		return v == nil
	case "jump", "goto":
		return command.IsNFTName(textOf(v, "target"))
	case "counter":
		return v == nil || field(v, "bytes") != nil
	case "match":
		op := field(v, "op")
		return (op == "==" || op == "!=") && exactMatch(field(v, "left"), field(v, "right"))
	}
	return false
}

func exactMatch(left, right any) bool {
	of := field(left, "payload")
	switch proto, name := field(of, "protocol"), field(of, "field"); proto {
	case "ip", "ip6":
		return (name == "saddr" || name == "daddr") && exactValue(right, isAddress)
	case "udp", "tcp":
		return (name == "sport" || name == "dport") && exactValue(right, isNumber)
	}
	return false
}

// exactValue reports whether a value is one, a network, a range or the name of
// a set.
func exactValue(v any, plain func(any) bool) bool {
	if list, ok := field(v, "range").([]any); ok {
		return len(list) == 2 && plain(list[0]) && plain(list[1])
	}
	if p := field(v, "prefix"); p != nil {
		return isAddress(field(p, "addr")) && isNumber(field(p, "len"))
	}
	if name, ok := v.(string); ok && strings.HasPrefix(name, "@") {
		return command.IsNFTName(name[1:])
	}
	return plain(v)
}

func isNumber(v any) bool {
	_, ok := v.(float64)
	return ok
}

func isAddress(v any) bool {
	s, _ := v.(string)
	_, err := netip.ParseAddr(s)
	return err == nil
}
