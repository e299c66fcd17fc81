package pcap

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// all reads a capture to its end.
func all(b []byte) (r *Reader, frames []Frame, err error) {
	if r, err = NewReader(bytes.NewReader(b)); err != nil {
		return nil, nil, err
	}
	defer r.Close()
	for {
		f, err := r.NextFrame()
		if errors.Is(err, io.EOF) {
			return r, frames, nil
		}
		if err != nil {
			return r, frames, err
		}
		c := *f
		c.Data = slices.Clone(f.Data)
		frames = append(frames, c)
	}
}

func squeeze(t *testing.T, b []byte, how func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := how(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestEveryFormatGivesTheSameFrames(t *testing.T) {
	one, two := ether(udpPacket(phone, pbx, hello)), ether(udpPacket(pbx, phone, hello))
	ng := func(order binary.ByteOrder, options func(*section) []byte, count uint64) []byte {
		s := newSection(order)
		s.anInterface(linkEthernet, "eth0", options(s))
		s.block(0x0bad, []byte("an unknown block"))
		s.packet(0, count, one, len(one))
		s.packet(0, count, two, len(two))
		return s.Bytes()
	}
	none := func(*section) []byte { return nil }
	nano := func(s *section) []byte { return s.option(optionResolution, []byte{9}) }
	shifted := func(s *section) []byte {
		return slices.Concat(s.option(optionResolution, []byte{9}), s.option(optionOffset, s.u64(1_000_000_000)))
	}
	old := newSection(binary.LittleEndian)
	old.anInterface(linkEthernet, "eth0")
	for _, f := range [][]byte{one, two} {
		n := uint64(stamp / 1000)
		old.block(blockOldPacket, old.u16(0), old.u16(0), old.u32(int(n>>32)), old.u32(int(n&0xffffffff)), old.u32(len(f)), old.u32(len(f)), f)
	}
	plain := little(linkEthernet, one, two)
	for name, b := range map[string][]byte{
		"tcpdump":                         plain,
		"a big-endian machine":            classicFile(binary.BigEndian, magicMicroseconds, linkEthernet, one, two),
		"tcpdump --nano":                  classicFile(binary.LittleEndian, magicNanoseconds, linkEthernet, one, two),
		"nanoseconds, big-endian":         classicFile(binary.BigEndian, magicNanoseconds, linkEthernet, one, two),
		"Kuznetzov's tcpdump":             classicFile(binary.LittleEndian, magicModified, linkEthernet, one, two),
		"Wireshark":                       ng(binary.LittleEndian, none, uint64(stamp/1000)),
		"Wireshark, nanoseconds":          ng(binary.LittleEndian, nano, uint64(stamp)),
		"pcapng, big-endian":              ng(binary.BigEndian, nano, uint64(stamp)),
		"pcapng with an offset of clocks": ng(binary.LittleEndian, shifted, uint64(stamp-1_000_000_000*second)),
		"pcapng of 2008":                  old.Bytes(),
		"gzip":                            squeeze(t, plain, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }),
		"zstd":                            squeeze(t, plain, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
	} {
		t.Run(name, func(t *testing.T) {
			_, got, err := all(b)
			if err != nil {
				t.Fatal(err)
			}
			want := []Frame{
				{Number: 1, Time: stamp, Link: linkEthernet, Length: len(one), Data: one},
				{Number: 2, Time: stamp, Link: linkEthernet, Length: len(two), Data: two},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func (s *section) u64(n uint64) []byte {
	b := make([]byte, 8)
	s.order.PutUint64(b, n)
	return b
}

func TestACaptureOfTwoSectionsAndTwoInterfaces(t *testing.T) {
	lan := udpPacket(phone, pbx, hello)
	first, second := newSection(binary.LittleEndian), newSection(binary.BigEndian)
	first.anInterface(linkRaw, "ppp0")
	first.anInterface(linkEthernet, "eth0")
	first.packet(1, 0, ether(lan), 2000)
	first.block(blockSimple, first.u32(len(lan)), lan)
	first.block(blockStatistics, first.u32(0), make([]byte, 8), first.option(optionDropped, first.u64(17)))
	second.anInterface(linkRaw, "tun0")
	second.packet(0, 0, lan, len(lan))
	r, got, err := all(slices.Concat(first.Bytes(), second.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	want := []Frame{
		{Number: 1, Link: linkEthernet, Interface: 1, Length: 2000, Data: ether(lan)},
		{Number: 2, Link: linkRaw, Length: len(lan), Data: lan},
		{Number: 3, Link: linkRaw, Length: len(lan), Data: lan},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(r.Interfaces) != 1 || r.Interfaces[0].Name != "tun0" || r.Drops != 17 {
		t.Errorf("interfaces %+v, %d drops", r.Interfaces, r.Drops)
	}
}

func TestAFileThatEndsOrLiesSaysWhere(t *testing.T) {
	f := ether(udpPacket(phone, pbx, hello))
	plain := little(linkEthernet, f, f)
	absurd := slices.Clone(plain)
	binary.LittleEndian.PutUint32(absurd[24+8:], 1<<30)
	nameless := newSection(binary.LittleEndian)
	nameless.packet(3, 0, f, len(f))
	short := newSection(binary.LittleEndian)
	short.Write(slices.Concat(short.u32(blockPacket), short.u32(4), short.u32(4)))
	tests := []struct {
		name   string
		b      []byte
		frames int
		want   string
	}{
		{"an empty file", nil, 0, "EOF"},
		{"three bytes", plain[:3], 0, ErrFormat.Error()},
		{"a text", []byte("hello, world\n"), 0, ErrFormat.Error()},
		{"only the beginning of a header", plain[:20], 0, "frame 0, at byte 0: the file ends within the header of the file"},
		{"only a header", plain[:24], 0, ""},
		{"cut within a frame's header", plain[:24+16+len(f)+7], 1, "frame 2, at byte 144: the file ends within the header of a frame"},
		{"cut before a frame's data", plain[:24+16], 0, "frame 1, at byte 40: the file ends before the data of a frame"},
		{"cut within a frame's data", plain[:len(plain)-1], 1, "frame 2, at byte 160: the file ends within the data of a frame"},
		{"an absurd length", absurd, 0, "frame 1, at byte 40: it claims to hold 1073741824 bytes"},
		{"an interface that was not described", nameless.Bytes(), 0, "frame 1, at byte 164: it names interface 3, which was not described"},
		{"a block shorter than a block", short.Bytes(), 0, "frame 1, at byte 28: a block claims to be 4 bytes long"},
		{"gzip that is damaged", []byte("\x1f\x8b\x08\x00 no"), 0, "unexpected EOF"},
		{"zstd that is damaged", []byte("\x28\xb5\x2f\xfd no zstd"), 0, "invalid input"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got, err := all(tt.b)
			if len(got) != tt.frames {
				t.Errorf("%d frames, want %d", len(got), tt.frames)
			}
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func FuzzReader(f *testing.F) {
	lan := ether(udpPacket(phone, pbx, hello))
	s := newSection(binary.LittleEndian)
	s.anInterface(linkEthernet, "eth0", s.option(optionResolution, []byte{0x8a}))
	s.packet(0, uint64(stamp), lan, len(lan))
	f.Add(little(linkEthernet, lan))
	f.Add(s.Bytes())
	f.Add(little(linkRaw, ipPacket(protoICMP, pbx.Addr(), phone.Addr(), append([]byte{3, 3, 0, 0, 0, 0, 0, 0}, udpPacket(phone, pbx, hello)...))))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		defer r.Close()
		x := Decoder{Unreachable: func(u Unreachable) {
			if !u.Src.IsValid() || !u.From.IsValid() {
				t.Fatalf("%+v", u)
			}
		}}
		for {
			f, err := r.NextFrame()
			if err != nil {
				break
			}
			d, ok := x.Decode(f)
			if ok && (!d.Src.IsValid() || d.Frame != f.Number) {
				t.Fatalf("%+v", d)
			}
			if p, plain := f.Plain(); plain {
				samePlain(t, p, d)
			}
		}
		x.Finish()
	})
}
