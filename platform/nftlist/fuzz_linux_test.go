package nftlist

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// attr is an attribute as the kernel sends it.
func attr(typ uint16, parts ...[]byte) []byte {
	value := slices.Concat(parts...)
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, typ), value...)
	return append(b, make([]byte, -len(b)&3)...)
}

func number(typ uint16, n uint32) []byte { return attr(typ, binary.BigEndian.AppendUint32(nil, n)) }

func step(name string, parts ...[]byte) []byte {
	return attr(1, attr(1, append([]byte(name), 0)), attr(2, parts...))
}

// banRule is "ip saddr 192.0.2.66 drop" in a table of inet.
func banRule(more ...[]byte) []byte {
	steps := slices.Concat(
		step("meta", number(1, 1), number(2, unix.NFT_META_NFPROTO)), step("cmp", number(1, 1), number(2, 0), attr(3, attr(1, []byte{2}))),
		step("payload", number(1, 1), number(2, 1), number(3, 12), number(4, 4)),
		step("cmp", number(1, 1), number(2, 0), attr(3, attr(1, []byte{192, 0, 2, 66}))),
		slices.Concat(more...), step("immediate", number(1, 0), attr(2, attr(2, number(1, 0)))),
	)
	return slices.Concat(attr(1, []byte("t\x00")), attr(2, []byte("c\x00")), attr(3, binary.BigEndian.AppendUint64(nil, 7)), attr(4, steps))
}

func worded(message []byte) (string, bool) {
	in := make([]attributes, unix.NFTA_RULE_USERDATA+1)
	if !attributes(message).fill(in) {
		return "", false
	}
	w := &wording{table: &table{family: "inet", number: unix.NFPROTO_INET, name: "t"}}
	if !w.rule(in) {
		return "", false
	}
	return string(w.out[1:]), true
}

func TestARuleIsWordedAsNftDoes(t *testing.T) {
	got, ok := worded(banRule())
	const want = `{"rule":{"family":"inet","table":"t","chain":"c","handle":7,"expr":[` +
		`{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"192.0.2.66"}},{"drop":null}]}}`
	if !ok || got != want {
		t.Errorf("%s, %v", got, ok)
	}
	for what, rule := range map[string][]byte{
		"a step that is not known": banRule(step("limit")), "a load that nobody asks": banRule(step("meta", number(1, 1), number(2, unix.NFT_META_MARK))),
		"a question of another register":  banRule(step("meta", number(1, 2), number(2, unix.NFT_META_MARK)), step("cmp", number(1, 1), number(2, 0), attr(3, attr(1, make([]byte, 4))))),
		"a match of iptables":             with(banRule(), attr(5, number(1, 6))),
		"a comment that goes on":          with(banRule(), attr(7, []byte("\x00\x03a\x00b"))),
		"half of one":                     banRule()[:60],
		"more about a load than is known": banRule(step("meta", number(1, 1), number(2, unix.NFT_META_MARK), number(9, 1)), step("cmp", number(1, 1), number(2, 0), attr(3, attr(1, make([]byte, 4))))),
	} {
		if got, ok := worded(rule); ok {
			t.Errorf("%s is worded as %s", what, got)
		}
	}
}

func with(a, b []byte) []byte { return append(a, b...) }

// Whatever the kernel sends, what is worded is one object of JSON.
func FuzzRule(f *testing.F) {
	f.Add(banRule())
	f.Add(with(banRule(step("counter", attr(1, make([]byte, 8)), attr(2, make([]byte, 8)))), attr(7, []byte("\x00\x04a\"b\x00"))))
	f.Add(banRule(step("ct", number(1, 1), number(2, 0)), step("bitwise", number(1, 1), number(2, 1), number(3, 4), attr(4, attr(1, []byte{2, 0, 0, 0})), attr(5, attr(1, make([]byte, 4)))),
		step("cmp", number(1, 1), number(2, 1), attr(3, attr(1, make([]byte, 4))))))
	f.Fuzz(func(t *testing.T, message []byte) {
		if got, ok := worded(message); ok && !json.Valid([]byte(got)) {
			t.Errorf("%q", got)
		}
	})
}
