package platform

import (
	"fmt"
	"io"
	"os"
)

// ReadSmallFile reads a whole file that a user named, at most limit bytes of
// it; a larger one is an error, not half a file.
func ReadSmallFile(name string, limit int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return b, nil
}
