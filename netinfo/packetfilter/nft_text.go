package packetfilter

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// nftChainLines yields the lines within chains of nft's text, each after the
// family, the table and the chain.
func nftChainLines(text string) iter.Seq2[[3]string, string] {
	return func(yield func([3]string, string) bool) {
		var at [3]string
		for raw := range strings.Lines(text) {
			line := strings.TrimSpace(raw)
			indent := len(raw) - len(strings.TrimLeft(raw, "\t"))
			if indent == 2 && at[2] != "" && !yield(at, line) {
				return
			}
			if indent > 1 {
				continue
			}
			words := strings.Fields(line[:min(len(line), 512)]) // of long sets, the beginning
			switch {
			case indent == 0 && len(words) > 2 && words[0] == "table":
				at = [3]string{words[1], words[2]}
			case indent == 1:
				at[2] = ""
				if len(words) > 1 && words[0] == "chain" {
					at[2] = words[1]
				}
			}
		}
	}
}

// readNFTText reads the wording of rules from "nft -a list ruleset", by family,
// table and handle.
func readNFTText(text string) map[string]string {
	texts := map[string]string{}
	for at, line := range nftChainLines(text) {
		if handle, text, ok := nftTextRule(line); ok {
			texts[nftName(at[0], at[1], handle)] = text
		}
	}
	return texts
}

// readNFTDevices reads the interfaces of chains from the text of nft, by family,
// table and chain:
//
//	type filter hook ingress devices = { eth0, eth1 } priority filter; policy drop;
func readNFTDevices(text string) map[string][]string {
	found := map[string][]string{}
	for at, line := range nftChainLines(text) {
		words := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" ={},\"", r) })
		if len(words) < 6 || words[0] != "type" || words[2] != "hook" || !strings.HasPrefix(words[4], "device") {
			continue
		}
		if end := slices.Index(words, "priority"); end > 5 {
			found[nftName(at[0], at[1], at[2])] = words[5:end]
		}
	}
	return found
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
		if len(v) == 1 {
			for key, x := range v {
				return renderNFTObject(key, x)
			}
		}
		var parts []string // a hostile object has several keys
		for _, k := range slices.Sorted(maps.Keys(v)) {
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

// nftForms are the words of objects by their key, with those of their members in
// angle brackets.
var nftForms = map[string]string{
	"payload": "<protocol> <field>", "payload raw": "@<base>,<offset>,<len>", "meta": "meta <key>", "ct": "ct <dir> <key>",
	"prefix": "<addr>/<len>", "elem": "<val>", "elem timed": "<val> timeout <timeout>s", "set": "<op> <set> { <elem> <stmt> }",
	"map": "<key> map <data>", "vmap": "<key> vmap <data>", "mangle": "<key> set <value>", "jump": "jump <target>", "goto": "goto <target>",
	"counter": "counter", "log": "log", "reject": "reject", "reject with": "reject with <type> <expr>",
	"limit": "limit rate <inv> <rate>/<per>", "limit bytes": "limit rate <inv> <rate> <rate_unit>/<per>",
	"quota": "quota <inv> <val> <val_unit>", "ct count": "ct count <inv> <val>", "meter": "meter <name> { <key> <stmt> }",
	"numgen": "numgen <mode> mod <mod>", "xt": "xt <type> <name>",
}

// fillNFT writes a form with the members of v.
func fillNFT(form string, v any) string {
	var b strings.Builder
	for {
		text, rest, more := strings.Cut(form, "<")
		b.WriteString(text)
		if !more {
			break
		}
		var name string
		name, form, _ = strings.Cut(rest, ">")
		switch x := field(v, name); {
		case name != "inv":
			b.WriteString(renderNFT(x))
		case x == true:
			b.WriteString("over")
		}
	}
	out := strings.TrimSpace(b.String())
	if strings.Contains(out, "  ") { // beside a member that is not there
		out = strings.Join(strings.Fields(out), " ")
	}
	return out
}

func renderNFTObject(key string, v any) string {
	list, isList := v.([]any)
	name, named := v.(string)
	get := func(name string) string { return renderNFT(field(v, name)) }
	form, known := nftForms[key]
	switch key {
	case "match":
		return renderNFTMatch(v)
	case "snat", "dnat", "redirect", "masquerade", "tproxy":
		return renderNFTNAT(key, v)
	case "range":
		return joinNFT(list, "-")
	case "concat":
		return joinNFT(list, " . ")
	case "&", "|", "^", "<<", ">>":
		return joinNFT(list, " "+key+" ")
	case "ct helper", "ct timeout", "ct expectation":
		return key + " set " + strconv.Quote(renderNFT(v))
	case "rt", "socket", "osf", "ipsec", "exthdr", "tcp option", "ip option", "sctp chunk":
		form, known = key+" <dir> <family> <name> <field> <key>", true
	case "fib":
		form, known = "fib "+strings.Join(stringsOf(field(v, "flags")), " . ")+" <result>", true
	}
	switch {
	case !known:
		return strings.TrimSpace(key + " " + renderNFT(v))
	case named && (key == "counter" || key == "limit" || key == "quota"):
		return key + " name " + strconv.Quote(name)
	case isList && key == "set":
		return "{ " + renderNFTElements(list) + " }"
	case key == "log" && get("prefix") != "":
		return "log prefix " + strconv.Quote(get("prefix"))
	case key == "meta" && slices.Contains([]string{"iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup"}, get("key")):
		return get("key")
	case key == "payload" && field(v, "base") != nil:
		form = nftForms["payload raw"]
	case key == "elem" && field(v, "timeout") != nil:
		form = nftForms["elem timed"]
	case key == "reject" && get("type") != "":
		form = nftForms["reject with"]
	case key == "limit":
		if get("rate_unit") != "" {
			form = nftForms["limit bytes"]
		}
		if b := get("burst"); b != "" && b != "0" && b != "5" { // nft's own
			form += " burst <burst> packets"
		}
	}
	return fillNFT(form, v)
}

func renderNFTMatch(v any) string {
	op := textOf(v, "op")
	left, right := renderNFT(field(v, "left")), renderNFT(field(v, "right"))
	if strings.HasPrefix(left, "iif") || strings.HasPrefix(left, "oif") {
		if s, ok := field(v, "right").(string); ok && !strings.HasPrefix(s, "@") {
			right = strconv.Quote(s)
		}
	}
	if op == "in" || op == "==" && !strings.Contains(left, " & ") {
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

func renderNFTNAT(key string, v any) string {
	form := key + " <family>"
	switch addr, port := field(v, "addr"), field(v, "port"); {
	case addr != nil && port != nil && strings.Contains(renderNFT(addr), ":"):
		form += " to [<addr>]:<port>"
	case port != nil:
		form += " to <addr>:<port>"
	case addr != nil:
		form += " to <addr>"
	}
	return fillNFT(form, v)
}
