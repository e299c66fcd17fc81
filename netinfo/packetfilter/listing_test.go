package packetfilter_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/netip"
	"path"
	"reflect"
	"strings"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// filer is a machine with files besides.
type filer struct {
	printer
	files map[string]string
}

func (f filer) Open(name string) (fs.File, error) {
	text, ok := f.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return openText{bytes.NewReader([]byte(text))}, nil
}

func (f filer) Glob(pattern string) (list []string, err error) {
	for name := range f.files {
		if ok, _ := path.Match(pattern, name); ok {
			list = append(list, name)
		}
	}
	return list, nil
}

type openText struct{ *bytes.Reader }

func (openText) Close() error               { return nil }
func (openText) Stat() (fs.FileInfo, error) { return nil, io.ErrUnexpectedEOF }

// A machine with everything that rules are read from.
func everyListing() filer {
	return filer{
		printer{prints: map[string]string{
			"iptables-nft-save -c": "# Table `nat' contains incompatible base-chains, use 'nft' tool to list them.\n*nat\nCOMMIT\n" +
				"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" +
				"-A INPUT -m set --match-set bad src -j DROP\n-A INPUT -p udp -m recent --rcheck --seconds 60 --hitcount 2 --name SIP -j DROP\n" +
				"-A INPUT -p udp -m hashlimit --hashlimit-above 5/sec --hashlimit-mode srcip --hashlimit-name sip -j DROP\nCOMMIT\n",
			"ip6tables-legacy-save -c":      "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n",
			"ipset save":                    "create bad hash:ip family inet\nadd bad 198.51.100.7\n",
			"nft -j list tables":            `{"nftables":[{"table":{"family":"ip","name":"nat","handle":1}},{"table":{"family":"netdev","name":"t","handle":1}}]}`,
			"nft -a -j list table ip nat":   `{"nftables":[{"table":{"family":"ip","name":"nat","handle":1}},{"chain":{"family":"ip","table":"nat","name":"pre","handle":1,"type":"nat","hook":"prerouting","prio":-100,"policy":"accept"}}]}`,
			"nft -a -j list table netdev t": `{"nftables":[{"table":{"family":"netdev","name":"t","handle":1}},{"chain":{"family":"netdev","table":"t","name":"c","handle":1,"type":"filter","hook":"ingress","prio":0,"policy":"drop"}}]}`,
			"nft -t list table netdev t":    "table netdev t {\n\tchain c {\n\t\ttype filter hook ingress device \"eth1\" priority filter; policy drop;\n\t}\n}\n",
		}},
		map[string]string{
			"/proc/net/xt_recent/SIP":     "src=198.51.100.8 ttl: 64 last_seen: 4294970000 oldest_pkt: 2 4294960000, 4294970000\n",
			"/proc/timer_list":            "now at 300000000000 nsecs\njiffies: 4294967296\n",
			"/proc/net/ipt_hashlimit/sip": "9 198.51.100.9:0->0.0.0.0:0 160000 160000 32000\n",
		},
	}
}

// What was read is kept, and the same rules come of it without the machine,
// after a way through JSON.
func TestListingsAreParsedAgain(t *testing.T) {
	rules, unread := packetfilter.Load(t.Context(), everyListing())
	if len(unread) > 0 || rules.TooLong || len(rules.Listings) != 7 {
		t.Fatalf("%d listings, unread: %v", len(rules.Listings), unread)
	}
	raw, err := json.Marshal(rules.Listings)
	if err != nil {
		t.Fatal(err)
	}
	var saved []packetfilter.Listing
	if err := json.Unmarshal(raw, &saved); err != nil {
		t.Fatal(err)
	}
	again := packetfilter.Parse(saved)
	for what, pair := range map[string][2]any{
		"tables": {rules.Tables, again.Tables}, "sets": {rules.Sets, again.Sets}, "recent lists": {rules.Recent, again.Recent},
		"hashlimits": {rules.Hashes, again.Hashes}, "faults": {rules.Faults, again.Faults},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("the %s are others: %+v, not %+v", what, pair[1], pair[0])
		}
	}
	if got := again.Recent["SIP"].Entries[0].Ages; len(got) != 2 {
		t.Errorf("the ages in the list of recent are %v", got)
	}
	c := packetfilter.Class{Protocol: packetfilter.UDP, Src: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}, Dst: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")},
		Local: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, DstPorts: packetfilter.OneNum(5060), In: "eth0"}
	for _, o := range again.Evaluate(c).Outcomes {
		if o.Verdict != packetfilter.Dropped {
			t.Errorf("a banned address is %s by the rules of a saved listing", o.Verdict)
		}
	}
}

// Rules are kept up to a limit.
func TestListingsThatAreTooLongAreNotKept(t *testing.T) {
	for _, over := range []int{0, 1} {
		m := everyListing()
		for name := range m.prints {
			if name != "iptables-nft-save -c" {
				delete(m.prints, name)
			}
		}
		m.files = nil
		m.prints["iptables-nft-save -c"] += "#" + strings.Repeat("x", packetfilter.MaxListings-len(m.prints["iptables-nft-save -c"])-2+over) + "\n"
		rules, _ := packetfilter.Load(t.Context(), m)
		if rules.TooLong != (over > 0) || (len(rules.Listings) == 0) != (over > 0) {
			t.Errorf("%d bytes above the limit: too long is %v, with %d listings", over, rules.TooLong, len(rules.Listings))
		}
	}
}

// A listing names the program of commands: one that no reader is for has no rules.
func TestAForgedToolHasNoRules(t *testing.T) {
	forged := packetfilter.Listing{Tool: "rm", Text: "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 198.51.100.7 -j DROP\nCOMMIT\n"}
	if r := packetfilter.Parse([]packetfilter.Listing{forged}); len(r.Tables) > 0 {
		t.Errorf("%d tables of the tool rm", len(r.Tables))
	}
}

// A rule that the JSON does not word exactly is told by nft's own text; what was
// asked for of a table, or of its chain where only that is in a bundle, words
// the rules of a saved listing the same.
func TestWordingIsSavedWithListings(t *testing.T) {
	const table = `{"nftables":[{"table":{"family":"inet","name":"f","handle":1}},
		{"chain":{"family":"inet","table":"f","name":"in","handle":1,"type":"filter","hook":"input","prio":0,"policy":"accept"}},
		{"rule":{"family":"inet","table":"f","chain":"in","handle":4,"expr":[{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"198.51.100.7"}},{"log":{"prefix":"x"}},{"drop":null}]}}]}`
	const text = "table inet f {\n\tchain in { # handle 1\n\t\tip saddr 198.51.100.7 log prefix \"x \" drop # handle 4\n\t}\n}\n"
	for name, asked := range map[string]string{"of the table": "nft -s -a list table inet f", "of the chain": "nft -s -a list chain inet f in", "of nothing": "nft"} {
		m := printer{prints: map[string]string{"nft -j list tables": `{"nftables":[{"table":{"family":"inet","name":"f","handle":1}}]}`, "nft -a -j list table inet f": table, asked: text}}
		rules, _ := packetfilter.Load(t.Context(), m)
		saved := packetfilter.SavedWording(packetfilter.NewWording(t.Context(), m).Texts(rules))
		again := packetfilter.Parse(rules.Listings)
		lift := packetfilter.Plan(again.Mentions(netip.MustParsePrefix("198.51.100.7/32"))[0].Delete(saved).Rules)
		line, err := lift[0].Do[0].Line()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, `"x "`) != (asked != "nft") {
			t.Errorf("%s: the rule is deleted by %s", name, line)
		}
	}
}
