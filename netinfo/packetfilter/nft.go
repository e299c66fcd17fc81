package packetfilter

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ReadNFT reads "nft -a -j list ruleset". Rules are worded from the JSON, close
// to how nft words them; see Wording for its own words.
//
// Tables that iptables-nft keeps are in this listing too, with what nft cannot
// express left out; New drops them when iptables-nft-save was read as well.
// (libnftables-json(5) describes the format, though not all of it.)
func ReadNFT(listing string) Parts {
	r := &nftReader{chains: map[string]*Chain{}, tables: map[string]*Table{}, helpers: map[string]string{}}
	r.read(listing)
	r.compile(listing)
	return Parts{Tables: r.list, Faults: r.faults, Unread: r.unread}
}

type nftReader struct {
	list    []*Table
	tables  map[string]*Table // by family and name
	chains  map[string]*Chain // by family, table and name
	helpers map[string]string // type of a ct helper object, by family, table and name
	rules   []rawRule
	known   statements
	last    struct { // the rule before, which mostly is of the same chain
		family       TableFamily
		table, chain string
		of           *Chain
	}
	faults []Fault
	unread words.Reason
}

// nftObject is one element of the listing: one of its fields is set.
type nftObject struct {
	Table  *nftTable   `json:"table"`
	Chain  *nftChain   `json:"chain"`
	Rule   *unreadRule `json:"rule"`
	Set    *nftSet     `json:"set"`
	Map    *nftSet     `json:"map"`
	Meter  *nftSet     `json:"meter"`
	Helper *nftHelper  `json:"ct helper"`
	// Element lists further elements of a set, as monitors and hand-made
	// listings have them.
	Element *nftSet `json:"element"`
}

type nftTable struct {
	Family TableFamily `json:"family"`
	Name   string      `json:"name"`
}

type nftChain struct {
	Family   TableFamily `json:"family"`
	Table    string      `json:"table"`
	Name     string      `json:"name"`
	Type     string      `json:"type"`
	Hook     string      `json:"hook"`
	Priority int         `json:"prio"`
	Device   any         `json:"dev"`
	Policy   string      `json:"policy"`
}

type nftRule struct {
	Family                TableFamily
	Table, Chain, Comment string
	Handle                uint64
	Expr                  []*statement
}

type nftHelper struct {
	Family TableFamily `json:"family"`
	Table  string      `json:"table"`
	Name   string      `json:"name"`
	Type   string      `json:"type"`
}

func nftName(parts ...any) string { return strings.TrimSuffix(fmt.Sprintln(parts...), "\n") }

// read takes the listing object by object, so that everything before a fault
// is kept.
func (r *nftReader) read(listing string) {
	start := strings.TrimSpace(listing[:min(len(listing), 256)])
	if start == "" {
		r.broken(0, because("empty"))
		return
	}
	if start[0] != '{' {
		line, _, _ := strings.Cut(start, "\n")
		r.broken(1, because("not-json", "text", line[:min(len(line), 80)]))
		return
	}
	d := json.NewDecoder(strings.NewReader(listing))
	found, err := enterNFT(d)
	for err == nil && d.More() {
		var o nftObject
		start := d.InputOffset()
		if err = d.Decode(&o); err != nil {
			var typed *json.UnmarshalTypeError
			if !errors.As(err, &typed) {
				break
			}
			// The object is not of the shape that we know: leave it out.
			r.fault(lineAt(listing, d.InputOffset()), oddObject(err))
			err = nil
		}
		if o.Rule != nil {
			r.rules = append(r.rules, rawRule{start, d.InputOffset()})
		}
		r.object(&o)
	}
	r.end(listing, d, found, err)
}

// end says what is wrong with a listing that ends early, or cannot be read on. The
// chains of its last table may have had more rules.
func (r *nftReader) end(listing string, d *json.Decoder, found bool, err error) {
	if err == nil && !found {
		r.broken(1, because("other-json"))
		return
	}
	if err == nil { // More is false at the end of the array and at the end of the input
		_, err = d.Token()
	}
	at := d.InputOffset()
	byteAt := strconv.FormatInt(at, 10)
	switch {
	case err == nil:
		return
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		r.broken(lineAt(listing, at), because("ends-early", "byte", byteAt))
	default:
		r.broken(lineAt(listing, at), because("damaged", "byte", byteAt)+platform.Words(err).Reason().As("why"))
	}
	if n := len(r.list); n > 0 {
		for _, c := range r.list[n-1].Chains {
			c.Incomplete = true
		}
	}
}

// enterNFT goes to the first object of the array "nftables".
func enterNFT(d *json.Decoder) (found bool, err error) {
	if _, err := d.Token(); err != nil {
		return false, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return false, err
		}
		if key == "nftables" {
			t, err := d.Token()
			if err == nil && t != json.Delim('[') {
				return false, nil
			}
			return true, err
		}
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return false, err
		}
	}
	return false, nil
}

func lineAt(s string, offset int64) int {
	return 1 + strings.Count(s[:min(int(offset), len(s))], "\n")
}

func (r *nftReader) fault(line int, why words.Reason) {
	r.faults = append(r.faults, Fault{Tool: ToolNFT, Line: line, Why: why})
}

// broken is about a listing that is not one, or not a whole one.
func (r *nftReader) broken(line int, why words.Reason) {
	r.fault(line, why)
	r.unread = why
}

// oddObject is about an object that is not of the shape that we know.
func oddObject(err error) words.Reason {
	return because("odd-object") + platform.Words(err).Reason().As("why")
}

func (r *nftReader) object(o *nftObject) {
	switch {
	case o.Table != nil:
		r.table(o.Table.Family, o.Table.Name)
	case o.Chain != nil:
		r.chain(o.Chain)
	case o.Set != nil:
		r.set(o.Set, false)
	case o.Map != nil:
		r.set(o.Map, true)
	case o.Meter != nil:
		r.set(o.Meter, false)
	case o.Element != nil:
		r.elements(o.Element)
	case o.Helper != nil:
		r.helpers[nftName(o.Helper.Family, o.Helper.Table, o.Helper.Name)] = o.Helper.Type
	}
}

func (r *nftReader) table(family TableFamily, name string) *Table {
	key := nftName(family, name)
	if t := r.tables[key]; t != nil {
		return t
	}
	t := &Table{Tool: ToolNFT, Family: family, Name: name, Sets: map[string]*Set{}}
	r.tables[key] = t
	r.list = append(r.list, t)
	return t
}

func (r *nftReader) chain(c *nftChain) {
	out := &Chain{Name: c.Name}
	if c.Hook != "" {
		out.Base = &Base{Type: c.Type, Hook: HookName(c.Hook), Priority: c.Priority, Policy: Accept, Devices: stringsOf(c.Device)}
		if c.Policy == "drop" {
			out.Base.Policy = Drop
		}
		perDevice := out.Base.Hook == HookEgress || out.Base.Hook == HookIngress
		out.Base.AnyDevice = perDevice && len(out.Base.Devices) == 0
	}
	t := r.table(c.Family, c.Table)
	t.Chains = append(t.Chains, out)
	r.chains[nftName(c.Family, c.Table, c.Name)] = out
}

// stringsOf reads what nft writes as a string if there is one and as a list if
// there are several.
func stringsOf(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}
