package pcap

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow bounds the memory of a zstd stream: what "zstd --ultra -22" of any
// release asks for.
const maxZstdWindow = 128 << 20

// Decompress looks at the first bytes and undoes gzip or zstd, once. Whoever has
// read what is wanted calls free. It returns io.EOF for an empty file.
func Decompress(from io.Reader) (plain *bufio.Reader, free func(), err error) {
	none, in := func() {}, bufio.NewReaderSize(from, bufferSize)
	b, err := in.Peek(4)
	switch {
	case len(b) == 0 && errors.Is(err, io.EOF):
		return nil, none, io.EOF
	case len(b) == 0:
		return nil, none, err
	case len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b:
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, none, fmt.Errorf("decompressing gzip: %w", err)
		}
		return bufio.NewReaderSize(z, bufferSize), none, nil
	case string(b) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, none, fmt.Errorf("decompressing zstd: %w", err)
		}
		return bufio.NewReaderSize(z, bufferSize), z.Close, nil
	}
	return in, none, nil
}
