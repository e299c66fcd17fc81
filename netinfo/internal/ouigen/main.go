// Ouigen writes the table of hardware address makers that package netinfo
// embeds: gzip'd lines, sorted, each a maker's name and, after a tab each, the
// beginnings of its hardware addresses: those of six hexadecimal digits (MA-L), of
// seven (MA-M) and of nine (MA-S).
//
//	apt-get download ieee-data && dpkg-deb -x ieee-data_*.deb .
//	go -C netinfo/internal/ouigen run . ../../oui.gz .../usr/share/ieee-data/mam.txt .../usr/share/ieee-data/oui36.txt
//
// The data is the IEEE's public lists: MA-L as github.com/gopacket/gopacket/macs
// carries it (BSD licence), the others as Debian does (package ieee-data).
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/gopacket/gopacket/macs"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: ouigen FILE [LIST...]")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "ouigen:", err)
		os.Exit(1)
	}
}

// digits are the lengths of the beginnings, in the order of the columns.
var digits = [...]int{6, 7, 9}

// makers are beginnings by name and column.
type makers map[string]*[len(digits)][]string

func (m makers) add(name, prefix string) {
	name = strings.Join(strings.Fields(name), " ")
	i := slices.Index(digits[:], len(prefix))
	if i < 0 || name == "" || name == "Private" || name == "IEEE Registration Authority" {
		return
	}
	if m[name] == nil {
		m[name] = new([len(digits)][]string)
	}
	m[name][i] = append(m[name][i], prefix)
}

// Two lines of a list, such as "70-B3-D5   (hex)  NAME" and
// "F2F000-F2FFFF     (base 16)  NAME".
var (
	block = regexp.MustCompile(`^([0-9A-F]{2})-([0-9A-F]{2})-([0-9A-F]{2})\s+\(hex\)`)
	span  = regexp.MustCompile(`^([0-9A-F]{6})-([0-9A-F]{6})\s+\(base 16\)\s+(.*)$`)
)

// read adds the beginnings of one of the IEEE's text lists.
func (m makers) read(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading a list: %w", err)
	}
	begin := ""
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if f := block.FindStringSubmatch(line); f != nil {
			begin = f[1] + f[2] + f[3]
		} else if f := span.FindStringSubmatch(line); f != nil {
			n := 0
			for n < 6 && f[1][n] == f[2][n] {
				n++
			}
			m.add(f[3], strings.ToLower(begin+f[1][:n]))
		}
	}
	return nil
}

func write(path string, lists []string) error {
	m := makers{}
	for prefix, maker := range macs.ValidMACPrefixMap {
		m.add(maker, fmt.Sprintf("%02x%02x%02x", prefix[0], prefix[1], prefix[2]))
	}
	for _, l := range lists {
		if err := m.read(l); err != nil {
			return err
		}
	}
	var lines []string
	count := 0
	for name, columns := range m {
		line := name
		for _, list := range columns {
			slices.Sort(list)
			list = slices.Compact(list)
			count += len(list)
			line += "\t" + strings.Join(list, "")
		}
		lines = append(lines, strings.TrimRight(line, "\t")+"\n")
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
	fmt.Printf("%d prefixes of %d makers, %d bytes\n", count, len(lines), b.Len())
	return nil
}
