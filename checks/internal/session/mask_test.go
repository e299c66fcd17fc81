package session

import (
	"bytes"
	"strings"
	"testing"
)

func TestAMaskedFrameOnAStreamIsReadBack(t *testing.T) {
	var wire bytes.Buffer
	for _, text := range []string{"OPTIONS sip:a SIP/2.0\r\n\r\n", ""} {
		if err := WriteMasked(&wire, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Contains(wire.Bytes(), []byte("OPTIONS")) {
		t.Errorf("the frame is readable: %q", wire.Bytes())
	}
	for _, want := range []string{"OPTIONS sip:a SIP/2.0\r\n\r\n", ""} {
		if got, err := ReadMasked(&wire); err != nil || string(got) != want {
			t.Errorf("read %q, %v, want %q", got, err, want)
		}
	}
}

func TestOtherBytesAreNotAMaskedFrame(t *testing.T) {
	for name, wire := range map[string]string{
		"nothing":                   "",
		"half a length":             "\x00\x00",
		"a length without a frame":  "\x00\x00\x00\x09sdm1",
		"a frame that is readable":  "\x00\x00\x00\x09SIP/2.0 2",
		"a frame of 64 KiB, masked": "\x00\x01\x00\x00sdm1" + strings.Repeat("x", 1<<16),
	} {
		if got, err := ReadMasked(strings.NewReader(wire)); err == nil {
			t.Errorf("%s: read %d bytes", name, len(got))
		}
	}
}
