// Ouigen writes the table of hardware address makers that package netinfo
// embeds: gzip'd lines, sorted, each a maker's name, a tab, and the first three
// bytes of its hardware addresses as six hexadecimal digits each.
//
//	go -C netinfo/internal/ouigen run . ../../oui.gz
//
// The data is the IEEE's public MA-L list as github.com/gopacket/gopacket/macs
// carries it (BSD licence).
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gopacket/gopacket/macs"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: ouigen FILE")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "ouigen:", err)
		os.Exit(1)
	}
}

func write(path string) error {
	prefixes := map[string][]string{}
	for prefix, maker := range macs.ValidMACPrefixMap {
		name := strings.Join(strings.Fields(maker), " ")
		prefixes[name] = append(prefixes[name], fmt.Sprintf("%02x%02x%02x", prefix[0], prefix[1], prefix[2]))
	}
	var lines []string
	for name, list := range prefixes {
		slices.Sort(list)
		lines = append(lines, name+"\t"+strings.Join(list, "")+"\n")
	}
	slices.Sort(lines)
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("compressing the table: %w", err)
	}
	if _, err := z.Write([]byte(strings.Join(lines, ""))); err != nil {
		return fmt.Errorf("compressing the table: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("compressing the table: %w", err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	fmt.Printf("%d prefixes of %d makers, %d bytes\n", len(macs.ValidMACPrefixMap), len(lines), b.Len())
	return nil
}
