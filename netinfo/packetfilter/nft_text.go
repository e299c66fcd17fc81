package packetfilter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// readNFTText reads the wording of rules from "nft -a list ruleset", by family,
// table and handle.
func readNFTText(s string) map[string]string {
	texts := map[string]string{}
	var family, table string
	inChain := false
	for raw := range strings.Lines(s) {
		line := strings.TrimSpace(raw)
		indent := len(raw) - len(strings.TrimLeft(raw, "\t"))
		words := strings.Fields(line[:min(len(line), 512)]) // of long sets, the beginning
		switch {
		case indent == 0 && len(words) > 2 && words[0] == "table":
			family, table = words[1], words[2]
		case indent == 1:
			inChain = len(words) > 1 && words[0] == "chain"
		case indent == 2 && inChain:
			if handle, text, ok := nftTextRule(line); ok {
				texts[nftName(family, table, handle)] = text
			}
		}
	}
	return texts
}

// nftTextRule splits a rule from its handle, and its counters from it.
func nftTextRule(line string) (handle uint64, text string, ok bool) {
	text, after, ok := cutLast(line, " # handle ")
	if !ok {
		return 0, "", false
	}
	handle, err := strconv.ParseUint(after, 10, 64)
	if i := strings.Index(text, "counter packets "); i >= 0 {
		words := strings.SplitN(text[i:], " ", 6)
		if len(words) >= 5 && words[3] == "bytes" {
			text = strings.TrimSpace(text[:i] + "counter " + strings.Join(words[5:], " "))
		}
	}
	return handle, text, err == nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// renderNFT words a value, an expression or a statement.
func renderNFT(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		if v {
			return "exists"
		}
		return "missing"
	case []any:
		return joinNFT(v, ",")
	case map[string]any:
		// Objects of the listing have one key; a hostile one may have more.
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		var parts []string
		for _, k := range keys {
			parts = append(parts, renderNFTObject(k, v[k]))
		}
		return strings.Join(parts, " ")
	}
	return fmt.Sprint(v)
}

func joinNFT(list []any, sep string) string {
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = renderNFT(x)
	}
	return strings.Join(parts, sep)
}

func renderNFTObject(key string, v any) string {
	list, _ := v.([]any)
	get := func(name string) string { return renderNFT(field(v, name)) }
	words := func(parts ...string) string { return strings.Join(strings.Fields(strings.Join(parts, " ")), " ") }
	switch key {
	case "match":
		return renderNFTMatch(v)
	case "payload":
		if field(v, "base") != nil {
			return "@" + get("base") + "," + get("offset") + "," + get("len")
		}
		return words(get("protocol"), get("field"))
	case "meta":
		return renderNFTMeta(get("key"))
	case "ct":
		return words("ct", get("dir"), get("key"))
	case "fib":
		return "fib " + strings.Join(stringsOf(field(v, "flags")), " . ") + " " + get("result")
	case "prefix":
		return get("addr") + "/" + get("len")
	case "range":
		return joinNFT(list, "-")
	case "concat":
		return joinNFT(list, " . ")
	case "set":
		if list != nil {
			return "{ " + renderNFTElements(list) + " }"
		}
		return words(get("op"), get("set"), "{", get("elem"), get("stmt"), "}")
	case "elem":
		if field(v, "timeout") != nil {
			return get("val") + " timeout " + get("timeout") + "s"
		}
		return get("val")
	case "map":
		return get("key") + " map " + get("data")
	case "vmap":
		return get("key") + " vmap " + get("data")
	case "mangle":
		return get("key") + " set " + get("value")
	case "&", "|", "^", "<<", ">>":
		return joinNFT(list, " "+key+" ")
	}
	return renderNFTStatement(key, v, get, words)
}

// renderNFTMeta: some fields are written without "meta".
func renderNFTMeta(key string) string {
	switch key {
	case "iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup":
		return key
	}
	return "meta " + key
}

func renderNFTMatch(v any) string {
	op, _ := field(v, "op").(string)
	left, right := renderNFT(field(v, "left")), renderNFT(field(v, "right"))
	if strings.HasPrefix(left, "iif") || strings.HasPrefix(left, "oif") {
		if s, ok := field(v, "right").(string); ok && !strings.HasPrefix(s, "@") {
			right = strconv.Quote(s)
		}
	}
	switch {
	case op == "in", op == "==" && !strings.Contains(left, " & "):
		return left + " " + right
	}
	return left + " " + op + " " + right
}

// renderNFTElements: an element of a map is a pair.
func renderNFTElements(list []any) string {
	parts := make([]string, len(list))
	for i, x := range list {
		if pair, ok := x.([]any); ok && len(pair) == 2 {
			parts[i] = renderNFT(pair[0]) + " : " + renderNFT(pair[1])
			continue
		}
		parts[i] = renderNFT(x)
	}
	return strings.Join(parts, ", ")
}

func renderNFTStatement(key string, v any, get func(string) string, words func(...string) string) string {
	over := ""
	if field(v, "inv") == true {
		over = "over"
	}
	switch key {
	case "accept", "drop", "return", "continue", "notrack":
		return key
	case "counter":
		if name, ok := v.(string); ok {
			return "counter name " + strconv.Quote(name)
		}
		return "counter"
	case "jump", "goto":
		return key + " " + get("target")
	case "reject":
		if t := get("type"); t != "" {
			return words("reject with", t, get("expr"))
		}
		return key
	case "limit":
		if name, ok := v.(string); ok {
			return "limit name " + strconv.Quote(name)
		}
		rate := strings.TrimSpace(get("rate") + " " + get("rate_unit"))
		burst := ""
		if b := get("burst"); b != "" && b != "0" && b != "5" { // nft's own
			burst = "burst " + b + " packets"
		}
		return words("limit rate", over, rate+"/"+get("per"), burst)
	case "rt", "socket", "osf", "ipsec", "exthdr", "tcp option", "ip option", "sctp chunk":
		return words(key, get("dir"), get("family"), get("name"), get("field"), get("key"))
	case "quota":
		if name, ok := v.(string); ok {
			return "quota name " + strconv.Quote(name)
		}
		return words("quota", over, get("val"), get("val_unit"))
	case "ct count":
		return words("ct count", over, get("val"))
	case "log":
		if p := get("prefix"); p != "" {
			return "log prefix " + strconv.Quote(p)
		}
		return "log"
	case "snat", "dnat", "redirect", "masquerade", "tproxy":
		return renderNFTNAT(key, v, get, words)
	case "ct helper", "ct timeout", "ct expectation":
		return key + " set " + strconv.Quote(renderNFT(v))
	case "meter":
		return words("meter", get("name"), "{", get("key"), get("stmt"), "}")
	case "numgen":
		return words("numgen", get("mode"), "mod", get("mod"))
	case "xt":
		return words("xt", get("type"), get("name"))
	}
	return words(key, renderNFT(v))
}

func renderNFTNAT(key string, v any, get func(string) string, words func(...string) string) string {
	addr, port := get("addr"), get("port")
	if strings.Contains(addr, ":") && port != "" {
		addr = "[" + addr + "]"
	}
	to := ""
	if addr != "" || port != "" {
		to = "to " + addr
		if port != "" {
			to += ":" + port
		}
	}
	return words(key, get("family"), to)
}
