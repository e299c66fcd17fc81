//go:build linux

package packetfilter_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
)

// What the kernel agreed with is kept (make reports), so that a change of the
// evaluator shows without a kernel too, and shows what it is about.

// listing is what a program printed of the loaded rules.
type listing struct {
	Program string `json:"program"`
	Text    string `json:"text"`
}

// rulesOf hands listings to the front ends.
func rulesOf(list []listing) *packetfilter.Ruleset {
	tools := map[string]string{
		"iptables-legacy-save": packetfilter.ToolIPTablesLegacy, "ip6tables-legacy-save": packetfilter.ToolIP6TablesLegacy,
		"iptables-nft-save": packetfilter.ToolIPTablesNFT, "ip6tables-nft-save": packetfilter.ToolIP6TablesNFT,
	}
	var parts []packetfilter.Parts
	for _, l := range list {
		switch l.Program {
		case "ipset":
			parts = append(parts, packetfilter.ReadIPSetSave(l.Text))
		case "nft":
			parts = append(parts, packetfilter.ReadNFT(l.Text))
		default:
			parts = append(parts, packetfilter.ReadIPTablesSave(tools[l.Program], l.Text))
		}
	}
	return packetfilter.New(parts...)
}

// recording is a ruleset with the packets that were sent at it and what the
// evaluator, with which the kernel agreed, says of each: alone, and of the wide
// class that it is in.
type recording struct {
	Listings []listing        `json:"listings"`
	Packets  []recordedPacket `json:"packets"`
}

type recordedPacket struct {
	Hook        string     `json:"hook"`
	In          string     `json:"in,omitempty"`
	Out         string     `json:"out,omitempty"`
	Protocol    uint8      `json:"protocol"`
	Src         netip.Addr `json:"src"`
	Dst         netip.Addr `json:"dst"`
	SPort       uint16     `json:"sport"`
	DPort       uint16     `json:"dport"`
	CtMark      uint32     `json:"ctmark,omitempty"`
	Established bool       `json:"established,omitempty"`
	Told        []string   `json:"told"`
	ToldOfAll   []string   `json:"told_of_all,omitempty"`
	Around      string     `json:"around"` // a hash of what is told of packets that differ in one thing
}

func (p recordedPacket) shot() shot {
	return shot{hook: p.Hook, in: p.In, out: p.Out, proto: p.Protocol, src: p.Src, dst: p.Dst, sport: p.SPort, dport: p.DPort, ctmark: p.CtMark, established: p.Established}
}

// tell asks the rules.
func (p *recordedPacket) tell(rules *packetfilter.Ruleset, wide bool) {
	c := p.shot().class()
	p.Told = traced(rules.Evaluate(c))
	p.ToldOfAll = nil
	sum := fnv.New64a()
	for _, near := range p.around() {
		fmt.Fprintln(sum, traced(rules.Evaluate(near)))
	}
	p.Around = fmt.Sprintf("%016x", sum.Sum64())
	if wide {
		c.Src = []netip.Prefix{netip.PrefixFrom(p.Src, 0).Masked()}
		c.SrcPorts, c.DstPorts = nil, nil
		p.ToldOfAll = traced(rules.Evaluate(c))
	}
}

// around are classes of packets that differ from p in one thing, which the
// kernel was not asked about: what the evaluator says of them stays what it was.
func (p *recordedPacket) around() (list []packetfilter.Class) {
	vary := func(change func(*recordedPacket)) {
		q := *p
		change(&q)
		list = append(list, q.shot().class())
	}
	vary(func(q *recordedPacket) { q.DPort++ })
	vary(func(q *recordedPacket) { q.DPort-- })
	vary(func(q *recordedPacket) { q.SPort++ })
	vary(func(q *recordedPacket) { q.Src = q.Src.Next() })
	vary(func(q *recordedPacket) { q.Dst = q.Dst.Next() })
	vary(func(q *recordedPacket) { q.Established = !q.Established })
	vary(func(q *recordedPacket) { q.CtMark ^= 1; q.Established = true })
	vary(func(q *recordedPacket) { q.Protocol = 23 - q.Protocol }) // UDP for TCP, and back
	vary(func(q *recordedPacket) { q.In = "eth9" })
	c := p.shot().class()
	c.In = ""
	list = append(list, c)
	c = p.shot().class()
	c.Dst = nil
	list = append(list, c)
	c = p.shot().class()
	c.State, c.CtMarkKnown = packetfilter.StateEstablished, false
	return append(list, c)
}

// traced are outcomes with all that led to them.
func traced(r packetfilter.Result) (list []string) {
	for _, o := range r.Outcomes {
		s := fmt.Sprintf("%s %v>%v %v>%v", told(o), o.Region.Src, o.Region.Dst, o.Region.SrcPort, o.Region.DstPort)
		if o.With != "" {
			s += " with " + o.With
		}
		if len(o.ToPorts) > 0 {
			s += fmt.Sprintf(" to %v", o.ToPorts)
		}
		for _, step := range o.Trace {
			if step.Chain != nil {
				s += fmt.Sprintf(" | %s %s %v", step.Chain.Name, step.What, step.Assumed)
			}
		}
		list = append(list, s)
	}
	return list
}

const (
	recordVar  = "SIPDOCTOR_RECORD"
	recordings = "testdata/kernel"
	// Every so many of the rulesets are kept, with so many packets: enough to
	// come by every rule of the evaluator, in two megabytes.
	recordEvery, recordPackets = 2, 20
	// wideEvery of them are asked about in their wide class too.
	wideEvery = 5
)

// record keeps what is loaded and what is said of the packets.
func (g *ground) record(t *testing.T, shots []shot) {
	t.Helper()
	if g.judged++; os.Getenv(recordVar) == "" || g.judged%recordEvery != 0 {
		return
	}
	r := recording{Listings: g.listed}
	rules := rulesOf(r.Listings)
	for i, s := range shots[:min(recordPackets, len(shots))] {
		p := recordedPacket{Hook: s.hook, In: s.in, Out: s.out, Protocol: s.proto, Src: s.src, Dst: s.dst, SPort: s.sport, DPort: s.dport, CtMark: s.ctmark, Established: s.established}
		p.tell(rules, i%wideEvery == 0)
		r.Packets = append(r.Packets, p)
	}
	name := strings.NewReplacer("/", "-", "_", "-").Replace(strings.TrimPrefix(t.Name(), "Test"))
	writeRecording(t, filepath.Join(recordings, fmt.Sprintf("%s-%03d.json.gz", name, g.judged)), r)
}

func writeRecording(t *testing.T, file string, r recording) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b) // nft's listings are ten times as long
	if err := json.NewEncoder(z).Encode(r); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readRecording(t *testing.T, file string) (r recording) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err == nil {
		err = json.NewDecoder(z).Decode(&r)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return r
}

func TestWhatTheKernelAgreedWith(t *testing.T) {
	files, err := filepath.Glob(recordings + "/*.json.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing is recorded (make reports): %v", err)
	}
	for _, file := range files {
		r := readRecording(t, file)
		rules := rulesOf(r.Listings)
		if os.Getenv("SIPDOCTOR_UPDATE") != "" {
			for i := range r.Packets {
				r.Packets[i].tell(rules, i%wideEvery == 0)
			}
			writeRecording(t, file, r)
			continue
		}
		for i, want := range r.Packets {
			got := want
			got.tell(rules, i%wideEvery == 0)
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("%s: packet %d, %v: it is told something else (-agreed +now); ask the kernel again with make reports\n%s", filepath.Base(file), i, want.shot(), diff)
			}
		}
	}
}
