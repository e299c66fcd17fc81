package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// copied is what a writer makes of captures, and what was read of them.
func copied(t *testing.T, files ...[]byte) (out []byte, frames []Frame, err error) {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, file := range files {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		w.Like(r)
		for {
			f, err := r.NextFrame()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			c := *f
			c.Data, c.Number = slices.Clone(f.Data), 0
			frames = append(frames, c)
			if err := w.WriteFrame(f); err != nil {
				return nil, nil, err
			}
		}
	}
	err = w.Flush()
	return b.Bytes(), frames, err
}

// What was written reads as what was copied, in each format.
func TestACopyReadsTheSame(t *testing.T) {
	ng := newSection(binary.BigEndian)
	ng.anInterface(linkEthernet, "eth0", ng.option(optionResolution, []byte{9}))
	ng.anInterface(linkRaw, "tun0")
	ng.packet(1, 1_764_400_000_123_456, udpPacket(phone, pbx, hello), 999)
	ng.packet(0, 1_764_400_000_123_456_789, ether(udpPacket(phone, pbx, hello)), 99)
	again := newSection(binary.LittleEndian)
	again.anInterface(linkCooked, "any")
	again.packet(0, 1_764_400_001_000_000, []byte("short"), 5)
	for name, file := range map[string][]byte{
		"microseconds": classicFile(binary.BigEndian, magicMicroseconds, linkEthernet, ether(udpPacket(phone, pbx, hello)), ether(udpPacket(pbx, phone, hello))),
		"nanoseconds":  classicFile(binary.LittleEndian, magicNanoseconds, linkRaw, udpPacket(phone, pbx, hello)),
		"modified":     classicFile(binary.LittleEndian, magicModified, linkRaw, udpPacket(phone, pbx, hello)),
		"pcapng":       ng.Bytes(), "two sections": slices.Concat(ng.Bytes(), again.Bytes()),
	} {
		out, want, err := copied(t, file)
		if err != nil {
			t.Fatal(name, err)
		}
		_, got, err := copied(t, out)
		if d := cmp.Diff(want, got); d != "" || err != nil || len(got) == 0 {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
}

// Frames of two link types do not go into one pcap file.
func TestMixedCapturesAreNotCopied(t *testing.T) {
	if _, _, err := copied(t, little(linkRaw, udpPacket(phone, pbx, hello)), little(linkEthernet, ether(udpPacket(phone, pbx, hello)))); !errors.Is(err, ErrMixed) {
		t.Error(err)
	}
	if _, frames, err := copied(t, little(linkRaw, udpPacket(phone, pbx, hello)), little(linkRaw, udpPacket(phone, pbx, hello))); err != nil || len(frames) != 2 {
		t.Error(frames, err)
	}
}
