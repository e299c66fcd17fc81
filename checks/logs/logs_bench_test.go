package logs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

// The aim is at most twice the time of grep -i reach on the same log, of which one
// line in a hundred tells something.
func BenchmarkReadLog(b *testing.B) {
	for _, every := range []int{100, 1} {
		var text bytes.Buffer
		at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
		for i := 0; text.Len() < 128<<20; i++ {
			if at = at.Add(50 * time.Millisecond); i%every == 0 {
				fmt.Fprintf(&text, "[%s] %s\n", at.Format(time.DateTime), refusal(fmt.Sprint(100+i%50), fmt.Sprintf("198.51.100.%d", i/200%200), "Wrong password"))
			} else {
				fmt.Fprintf(&text, "[%s] VERBOSE[6970][C-%08x] pbx.c:     -- Executing [s@macro-dialout-trunk:%d] GotoIf(\"SIP/102-%08x\", \"0?bypass,1\") in new stack\n", at.Format(time.DateTime), i/40, i%40, i)
			}
		}
		b.Run(fmt.Sprintf("one line of %d tells", every), func(b *testing.B) {
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				env := &checks.Env{Files: []checks.File{{Name: "full", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text.Bytes())), nil }}}}
				if _, err := observe(context.Background(), env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
