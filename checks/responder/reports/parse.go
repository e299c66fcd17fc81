package reports

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
)

// A codeError is why a report is refused.
type codeError struct{ code Code }

func (e *codeError) Error() string { return string(e.code) }

func refused(c Code) error { return &codeError{c} }

// expand undoes the compression, as far as the result is not longer than it may be.
func expand(body []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, refused(NotAReport)
	}
	b, err := io.ReadAll(io.LimitReader(z, MaxExpanded+1))
	switch {
	case len(b) > MaxExpanded:
		return nil, refused(TooLarge)
	case err != nil:
		return nil, refused(NotAReport)
	}
	return b, nil
}

// Pack is a report in JSON as it is sent. The error says that it is longer than a
// responder takes.
func Pack(report []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(report)
	if err := errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("compressing the report: %w", err)
	}
	if b.Len() > MaxBody || len(report) > MaxExpanded || values(report) > maxValues {
		return nil, refused(TooLarge)
	}
	return b.Bytes(), nil
}

// parse reads a stranger's report, and returns it in one line as well.
func parse(b []byte) (*checks.Report, []byte, error) {
	if values(b) > maxValues {
		return nil, nil, refused(TooLarge)
	}
	var line bytes.Buffer
	if json.Compact(&line, b) != nil { // nothing may follow the report, either
		return nil, nil, refused(NotAReport)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if json.Unmarshal(b, &head) != nil {
		return nil, nil, refused(NotAReport)
	}
	name, _, _ := strings.Cut(checks.Schema, "/")
	if head.Schema != checks.Schema && strings.HasPrefix(head.Schema, name+"/") {
		return nil, nil, refused(NewerVersion)
	}
	r, err := checks.ReadReport(bytes.NewReader(b))
	if err != nil {
		return nil, nil, refused(NotAReport)
	}
	return r, line.Bytes(), nil
}

// values is about how many values a JSON text has: what it takes when it is decoded
// goes by them, not by its length.
func values(b []byte) (n int) {
	inString := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == '{' || c == '[' || c == ','):
			n++
		}
	}
	return n
}
