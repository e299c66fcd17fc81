package secrets

import (
	"bytes"
	"encoding/binary"
	"errors"
	"regexp"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/sqlite"
)

// fail2ban's database holds the log lines that led to a ban. Secrets in them are
// overwritten where they stand, byte for byte, so that the pages of the file stay
// as they are (sqlite.org/fileformat2.html); what was deleted is blanked.

var (
	errDamaged = errors.New("reading the database: damaged")
	walMagic   = [][]byte{[]byte("\x37\x7f\x06\x82"), []byte("\x37\x7f\x06\x83")}
	sqliteHead = []byte("SQLite format 3\x00")
)

func isDatabase(data []byte) bool { return bytes.HasPrefix(data, sqliteHead) || isWAL(data) }

func isWAL(data []byte) bool {
	return bytes.HasPrefix(data, walMagic[0]) || bytes.HasPrefix(data, walMagic[1])
}

// database returns a cleaned copy, or nil for what cannot be cleaned: a damaged
// file, and a write-ahead log with a secret in it, whose checksums would not
// hold any longer. fail2ban itself writes no such log.
func database(data []byte) []byte {
	if isWAL(data) {
		if printed := printable.ReplaceAllFunc(data, scrubValue); !bytes.Equal(printed, data) {
			return nil
		}
		return data
	}
	d := &pages{b: bytes.Clone(data)}
	if d.clean() != nil {
		return nil
	}
	return d.b
}

var (
	printable = regexp.MustCompile(`[\t\n\r -~]{8,}`)
	// Where one log line ends and the next begins in a list in JSON.
	lineBorder = regexp.MustCompile(`\\n|[^\\]", ?"|\n`)
)

// scrubValue cleans a text without changing its length.
func scrubValue(value []byte) []byte {
	var out []byte
	last := 0
	for _, at := range append(lineBorder.FindAllIndex(value, -1), []int{len(value), len(value)}) {
		out = append(out, scrub(string(value[last:at[0]]), true)...)
		out = append(out, value[at[0]:at[1]]...)
		last = at[1]
	}
	return out
}

// pages is an SQLite file.
type pages struct {
	b            []byte
	size, usable int
}

// page returns the page of a number, from 1, and where its B-tree header begins.
func (d *pages) page(n int) (p []byte, header int, err error) {
	if n < 1 || n > len(d.b)/d.size {
		return nil, 0, errDamaged
	}
	if n == 1 {
		header = 100
	}
	return d.b[(n-1)*d.size : n*d.size], header, nil
}

func (d *pages) clean() error {
	if len(d.b) < 512 {
		return errDamaged
	}
	if d.size = int(binary.BigEndian.Uint16(d.b[16:])); d.size == 1 {
		d.size = 65536
	}
	d.usable = d.size - int(d.b[20])
	if d.size < 512 || d.usable < 480 {
		return errDamaged
	}
	if err := d.blankFree(); err != nil {
		return err
	}
	for n := 1; n <= len(d.b)/d.size; n++ {
		if d.isPointerMap(n) {
			continue
		}
		p, header, err := d.page(n)
		if err != nil {
			return err
		}
		d.treePage(p, header)
	}
	return nil
}

// isPointerMap reports whether a page holds no B-tree but the map that
// auto_vacuum keeps.
func (d *pages) isPointerMap(n int) bool {
	return binary.BigEndian.Uint32(d.b[52:]) != 0 && n > 1 && (n-2)%(d.usable/5+1) == 0
}

// treePage clears what is unused in a page of a B-tree and cleans its rows. A
// page with the rest of a long text begins with a zero; cell reads it.
func (d *pages) treePage(p []byte, header int) {
	const indexInterior, tableInterior, indexLeaf, tableLeaf = 2, 5, 10, 13
	pointers := header + 8
	switch p[header] {
	case indexInterior, tableInterior:
		pointers += 4
	case indexLeaf, tableLeaf:
	default:
		return
	}
	cells := int(binary.BigEndian.Uint16(p[header+3:]))
	end := pointers + 2*cells
	content := int(binary.BigEndian.Uint16(p[header+5:]))
	if content == 0 {
		content = 65536
	}
	if end > content || content > d.usable {
		return // only looks like one
	}
	clear(p[end:content])
	blankDeleted(p[:d.usable], int(binary.BigEndian.Uint16(p[header+1:])))
	if p[header] == tableLeaf {
		for c := range cells {
			d.cell(p, int(binary.BigEndian.Uint16(p[pointers+2*c:])))
		}
	}
}

// blankFree clears the pages that are in no use (the freelist).
func (d *pages) blankFree() error {
	for trunk, left := int(binary.BigEndian.Uint32(d.b[32:])), len(d.b)/d.size; trunk != 0; left-- {
		p, _, err := d.page(trunk)
		if err != nil || left < 0 {
			return errDamaged
		}
		leaves := int(binary.BigEndian.Uint32(p[4:]))
		if 8+4*leaves > d.usable {
			return errDamaged
		}
		for i := range leaves {
			leaf, _, err := d.page(int(binary.BigEndian.Uint32(p[8+4*i:])))
			if err != nil {
				return err
			}
			clear(leaf)
		}
		clear(p[8+4*leaves:])
		trunk = int(binary.BigEndian.Uint32(p))
	}
	return nil
}

// blankDeleted clears the places of deleted rows in a page, a chain of pairs of
// the next one's place and its own size.
func blankDeleted(p []byte, at int) {
	for at != 0 && at+4 <= len(p) {
		next, size := int(binary.BigEndian.Uint16(p[at:])), int(binary.BigEndian.Uint16(p[at+2:]))
		if size < 4 || at+size > len(p) || next != 0 && next <= at {
			return
		}
		clear(p[at+4 : at+size])
		at = next
	}
}

// cell cleans the texts of one row. A row that makes no sense stays as it is:
// SQLite will not read it either.
func (d *pages) cell(p []byte, at int) {
	if at >= d.usable {
		return
	}
	length, n := sqlite.Varint(p[at:])
	_, m := sqlite.Varint(p[min(at+n, len(p)):])
	if n == 0 || m == 0 || length > uint64(len(d.b)) {
		return
	}
	parts := d.payload(p, at+n+m, int(length))
	payload := bytes.Join(parts, nil)
	if len(payload) != int(length) {
		return
	}
	sqlite.EachText(payload, func(text []byte) { copy(text, scrubValue(text)) })
	for _, part := range parts {
		payload = payload[copy(part, payload):]
	}
}

// payload returns the places in the file where the bytes of a row lie: the
// beginning in its page, the rest in a chain of others.
func (d *pages) payload(p []byte, at, length int) [][]byte {
	local := sqlite.Local(length, d.usable, d.usable-35)
	if at+local > len(p) || local < length && at+local+4 > len(p) {
		return nil
	}
	parts := [][]byte{p[at : at+local]}
	if local == length {
		return parts
	}
	next := int(binary.BigEndian.Uint32(p[at+local:]))
	for left := length - local; left > 0; {
		q, _, err := d.page(next)
		if err != nil {
			return nil
		}
		n := min(left, d.usable-4)
		parts = append(parts, q[4:4+n])
		clear(q[4+n:])
		left -= n
		next = int(binary.BigEndian.Uint32(q))
	}
	return parts
}
