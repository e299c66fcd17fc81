package capture

import (
	"bytes"
	"context"
)

// HoldsSIP reports whether SIP messages stand in a text; the beginning of a long one is
// enough.
func HoldsSIP(text []byte) bool {
	if !bytes.Contains(text, []byte("SIP/2.0")) {
		return false
	}
	found, _ := newReading(&Observed{}).trace(context.Background(), bytes.NewReader(text))
	return found > 0
}
