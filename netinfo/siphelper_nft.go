package netinfo

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// nftRule is one rule of "nft -a list ruleset".
type nftRule struct {
	family, table, chain string
	handle               int
	text                 string
	sip                  bool // attaches a helper object of type sip
}

// nftHelpers finds the rules that attach a helper object whose type is sip. The
// JSON listing says what a rule means, the text listing how it is written; an
// nft built without JSON leaves it to the text.
func nftHelpers(jsonOut, textOut []byte) ([]SIPHelper, error) {
	rules, objects := parseNFTText(textOut)
	// Handles are given once in a table. One that stands there twice is in a
	// comment with line breaks that looks like a rule: neither is certain.
	seen := map[string]int{}
	for _, r := range rules {
		seen[ruleKey(r.family, r.table, r.handle)]++
	}
	rules = slices.DeleteFunc(rules, func(r nftRule) bool { return seen[ruleKey(r.family, r.table, r.handle)] > 1 })
	attach, err := parseNFTJSON(jsonOut)
	for i := range rules {
		r := &rules[i]
		if err == nil {
			r.sip = attach[ruleKey(r.family, r.table, r.handle)]
		} else {
			r.sip = textAttaches(r.text, objects[r.family+" "+r.table])
		}
	}
	var list []SIPHelper
	for i, r := range rules {
		if r.sip {
			list = append(list, nftHelper(r, rules, i))
		}
	}
	if len(textOut) == 0 {
		return list, nil
	}
	return list, err
}

// nftHelper is the rule at index i of the ruleset, with its place.
func nftHelper(r nftRule, rules []nftRule, i int) SIPHelper {
	place := func(r nftRule) *command.NFTRule {
		return &command.NFTRule{Family: r.family, Table: r.table, Chain: r.chain, Handle: uint64(r.handle), Text: r.text}
	}
	sameChain := func(o nftRule) bool { return o.family == r.family && o.table == r.table && o.chain == r.chain }
	e := packetfilter.RuleEdit{NFT: place(r), Position: 1}
	for j, o := range rules {
		switch {
		case !sameChain(o):
		case j < i:
			e.Position++
		case j > i && e.Next == nil:
			e.Next = place(o)
		}
	}
	h := SIPHelper{Tool: "nft", Table: r.family + " " + r.table, Chain: r.chain, Rule: r.text, Edit: &e}
	return h.worded()
}

var (
	nftTable  = regexp.MustCompile(`^table (\S+) (\S+) \{`)
	nftChain  = regexp.MustCompile(`^\tchain (\S+) \{`)
	nftObject = regexp.MustCompile(`^\tct helper (\S+) \{`)
	nftHandle = regexp.MustCompile(` # handle (\d+)$`)
	nftCount  = regexp.MustCompile(` packets \d+ bytes \d+`)
	nftSIP    = regexp.MustCompile(`^\s*type "sip" `)
)

// parseNFTText reads "nft -a list ruleset": the rules, and by "family table"
// the names of the helper objects of type sip.
func parseNFTText(out []byte) (rules []nftRule, objects map[string][]string) {
	objects = map[string][]string{}
	var family, table, chain, object string
	for line := range lines(out) {
		if m := nftTable.FindStringSubmatch(line); m != nil {
			family, table, chain, object = m[1], m[2], "", ""
			continue
		}
		if m := nftChain.FindStringSubmatch(line); m != nil {
			chain = m[1]
			continue
		}
		if m := nftObject.FindStringSubmatch(line); m != nil {
			object = m[1]
			continue
		}
		if strings.TrimSpace(line) == "}" {
			chain, object = "", ""
			continue
		}
		if object != "" && nftSIP.MatchString(line) {
			objects[family+" "+table] = append(objects[family+" "+table], object)
		}
		m := nftHandle.FindStringSubmatch(line)
		if chain == "" || m == nil {
			continue
		}
		handle, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		text := nftCount.ReplaceAllString(strings.TrimSpace(strings.TrimSuffix(line, m[0])), "")
		rules = append(rules, nftRule{family: family, table: table, chain: chain, handle: handle, text: text})
	}
	return rules, objects
}

// textAttaches reports whether a rule's wording sets one of the named helpers.
func textAttaches(rule string, objects []string) bool {
	_, after, ok := strings.Cut(rule, "ct helper set ")
	return ok && slices.ContainsFunc(objects, func(name string) bool { return strings.Contains(after, `"`+name+`"`) })
}

func ruleKey(family, table string, handle int) string {
	return family + " " + table + " " + strconv.Itoa(handle)
}

// parseNFTJSON reads "nft -a -j list ruleset" and returns the keys of the rules
// that attach a helper of type sip. Rules of iptables-nft show no helper there;
// they are read through iptables.
func parseNFTJSON(out []byte) (map[string]bool, error) {
	var doc struct {
		NFTables []struct {
			Helper *struct{ Family, Table, Name, Type string } `json:"ct helper"`
			Rule   *struct {
				Family, Table string
				Handle        int
				Expr          []map[string]json.RawMessage
			}
		}
	}
	if len(out) == 0 {
		return nil, errNoNFTJSON
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, fmt.Errorf("reading nft -j list ruleset: %w", err)
	}
	sip := map[string]bool{}
	for _, o := range doc.NFTables {
		if h := o.Helper; h != nil && h.Type == "sip" {
			sip[h.Family+" "+h.Table+" "+h.Name] = true
		}
	}
	attach := map[string]bool{}
	for _, o := range doc.NFTables {
		if o.Rule == nil {
			continue
		}
		for _, e := range o.Rule.Expr {
			for _, name := range jsonStrings(e["ct helper"]) {
				if sip[o.Rule.Family+" "+o.Rule.Table+" "+name] {
					attach[ruleKey(o.Rule.Family, o.Rule.Table, o.Rule.Handle)] = true
				}
			}
		}
	}
	return attach, nil
}

// jsonStrings returns every string value inside a JSON value: the one helper
// of a plain rule, or all those of a map.
func jsonStrings(raw json.RawMessage) []string {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return nil
	}
	var list []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			list = append(list, v)
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(v)
	return list
}
