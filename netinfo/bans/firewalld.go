package bans

import (
	"context"
	"encoding/xml"
	"net/netip"
	"path"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// Firewalld reads its permanent configuration (XML) and, where it runs, what is
// in force. Rules that are the same in both are one ban.
//
// Source: firewalld.zone(5), firewalld.richlanguage(5), firewalld.ipset(5),
// firewalld.direct(5); files and listing of firewalld 1.3.3.
func Firewalld(ctx context.Context, sys platform.System, asked netip.Prefix, a *Answer) {
	f := &firewalld{asked: asked, a: a, sets: map[string][]netip.Prefix{}}
	f.readSets(sys)
	zones, _ := sys.Glob("/etc/firewalld/zones/*.xml")
	for _, name := range zones {
		if b, ok := a.file(sys, name); ok {
			a.has(LayerFirewalld)
			f.zoneFile(name, b)
		}
	}
	if b, ok := a.file(sys, "/etc/firewalld/direct.xml"); ok {
		f.direct("/etc/firewalld/direct.xml", b)
	}
	if len(zones) == 0 && !sys.Live() {
		return
	}
	if out, ok := a.run(ctx, sys, "firewall-cmd", "--list-all-zones"); ok {
		a.has(LayerFirewalld)
		f.running(string(out))
	}
}

type firewalld struct {
	asked netip.Prefix
	a     *Answer
	sets  map[string][]netip.Prefix
	seen  map[string]int // index of a ban by zone and rule
}

// readSets reads the permanent ipsets of firewalld.
func (f *firewalld) readSets(sys platform.System) {
	names, _ := sys.Glob("/etc/firewalld/ipsets/*.xml")
	for _, name := range names {
		b, ok := f.a.file(sys, name)
		if !ok {
			continue
		}
		var set struct {
			Entries []string `xml:"entry"`
		}
		if err := xml.Unmarshal(b, &set); err != nil {
			f.a.odd(name, err)
			continue
		}
		key := strings.TrimSuffix(path.Base(name), ".xml")
		for _, e := range set.Entries {
			if p, ok := nets.Parse(e); ok {
				f.sets[key] = append(f.sets[key], p)
			}
		}
	}
}

// zoneFile reads one permanent zone.
func (f *firewalld) zoneFile(name string, b []byte) {
	var z zoneXML
	if err := xml.Unmarshal(b, &z); err != nil {
		f.a.odd(name, err)
		return
	}
	zone := strings.TrimSuffix(path.Base(name), ".xml")
	for _, s := range z.Sources {
		source := s.Address
		if s.IPSet != "" {
			source = "ipset:" + s.IPSet
		}
		f.source(name, zone, source, z.Target)
	}
	for _, r := range z.Rules {
		f.rule(name, zone, r.text())
	}
}

// source takes an address that is bound to a zone: the zone's target is its
// fate where no service or rule of the zone lets it in.
func (f *firewalld) source(where, zone, source, target string) {
	blocks := target == "DROP" || target == "%%REJECT%%" || target == "REJECT"
	if !blocks && target != "ACCEPT" {
		return
	}
	for _, p := range f.prefixes(source) {
		if !blocks {
			f.a.allow(f.asked, Allow{Layer: LayerFirewalld, Where: where, Object: "zone " + zone + ": source " + source, Prefix: p})
			continue
		}
		free := both(func(c command.Command) command.Command {
			return c.Option("--zone=", zone).Option("--remove-source=", source)
		})
		undo := both(func(c command.Command) command.Command {
			return c.Option("--zone=", zone).Option("--add-source=", source)
		})
		if set, ok := strings.CutPrefix(source, "ipset:"); ok {
			free, undo = fromSet(set, p)
		}
		f.add(where, zone, "source "+source, p, free, undo)
	}
}

// rule takes one rich rule as firewall-cmd writes it. Whether it stops
// SIP depends on ports, order and other rules, which the packet filter evaluates.
func (f *firewalld) rule(where, zone, text string) {
	words := richWords(text)
	source := words["address"]
	if set := words["ipset"]; set != "" {
		source = "ipset:" + set
	}
	if source == "" || words["invert"] != "" { // it does not apply to the address it names
		return
	}
	for _, p := range f.prefixes(source) {
		if words["accept"] != "" {
			f.a.allow(f.asked, Allow{Layer: LayerFirewalld, Where: where, Object: "zone " + zone + ": " + text, Prefix: p})
			continue
		}
		free := both(func(c command.Command) command.Command {
			return c.Option("--zone=", zone).Option("--remove-rich-rule=", text)
		})
		undo := both(func(c command.Command) command.Command {
			return c.Option("--zone=", zone).Option("--add-rich-rule=", text)
		})
		if set, ok := strings.CutPrefix(source, "ipset:"); ok {
			free, undo = fromSet(set, p)
		}
		f.add(where, zone, text, p, free, undo)
	}
}

// both makes a change to what is in force and to the permanent configuration.
func both(change func(command.Command) command.Command) []command.Command {
	return []command.Command{change(command.New("firewall-cmd")), change(command.New("firewall-cmd", "--permanent"))}
}

// fromSet takes an address out of an ipset of firewalld.
func fromSet(set string, p netip.Prefix) (free, undo []command.Command) {
	free = both(func(c command.Command) command.Command {
		return c.Option("--ipset=", set).Option("--remove-entry=", nets.Short(p))
	})
	undo = both(func(c command.Command) command.Command {
		return c.Option("--ipset=", set).Option("--add-entry=", nets.Short(p))
	})
	return free, undo
}

func (f *firewalld) prefixes(source string) []netip.Prefix {
	if set, ok := strings.CutPrefix(source, "ipset:"); ok {
		return f.sets[set]
	}
	if p, ok := nets.Parse(source); ok {
		return []netip.Prefix{p}
	}
	return nil
}

func (f *firewalld) add(where, zone, object string, p netip.Prefix, free, undo []command.Command) {
	key := zone + "\x00" + object + "\x00" + p.String()
	if f.seen == nil {
		f.seen = map[string]int{}
	}
	if i, ok := f.seen[key]; ok {
		f.a.Bans[i].Note = because("firewalld-both")
		return
	}
	before := len(f.a.Bans)
	b := Ban{Layer: LayerFirewalld, Where: where, Object: object, Name: zone, Prefix: p, Effect: ViaFilter, Free: free, Undo: undo}
	b.Note = because("firewalld-permanent")
	if strings.HasPrefix(where, "firewall-cmd") {
		b.Note = because("firewalld-runtime")
	}
	f.a.ban(f.asked, b)
	if len(f.a.Bans) > before {
		f.seen[key] = before
	}
}

// running reads "firewall-cmd --list-all-zones".
func (f *firewalld) running(out string) {
	const where = "firewall-cmd --list-all-zones"
	zone, target, rules := "", "", false
	for line := range strings.Lines(out) {
		text := strings.TrimSpace(line)
		switch {
		case text == "":
		case line[0] != ' ' && line[0] != '\t': // "drop (active)"
			zone, _, _ = strings.Cut(text, " ")
			target, rules = "", false
		case strings.HasPrefix(text, "target:"):
			target = strings.TrimSpace(strings.TrimPrefix(text, "target:"))
		case strings.HasPrefix(text, "sources:"):
			for source := range strings.FieldsSeq(strings.TrimPrefix(text, "sources:")) {
				f.source(where, zone, source, target)
			}
		case strings.HasPrefix(text, "rich rules:"):
			rules = true
		case rules && strings.HasPrefix(text, "rule"):
			f.rule(where, zone, text)
		}
	}
}
