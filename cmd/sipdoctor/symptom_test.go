package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// Ctrl-C at a question ends the program at once; an answer without an end of line counts.
func TestAQuestionCanBeLeft(t *testing.T) {
	if line, err := readLine(t.Context(), bufio.NewReader(strings.NewReader(" 2 "))); line != "2" || err != io.EOF {
		t.Errorf("%q, %v", line, err)
	}
	silent, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if line, err := readLine(ctx, bufio.NewReader(silent)); line != "" || err == nil {
		t.Errorf("%q, %v", line, err)
	}
}
