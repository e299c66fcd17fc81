package fail2ban

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
)

// The server of fail2ban speaks Python's pickle format (PEP 3154; opcodes as in
// CPython's Lib/pickletools.py), in the highest protocol that its Python has:
// 2 to 5. Only values are decoded: no opcode looks up or
// calls anything. A call is kept as its name and arguments, so that an address,
// sent as str("192.0.2.1"), is that string and an exception is its name.

// Bounds of one answer. 100,000 banned addresses are some 400,000 opcodes.
const (
	maxPickle = 64 << 20
	maxDepth  = 32
)

var errPickle = problem(because("not-pickle"))

// pickleStrings is the request for a command: a list of strings in protocol 2,
// which every server reads (BINUNICODE, APPENDS).
func pickleStrings(words ...string) []byte {
	b := []byte("\x80\x02](")
	for _, w := range words {
		b = append(b, 'X')
		b = binary.LittleEndian.AppendUint32(b, uint32(len(w)))
		b = append(b, w...)
	}
	return append(b, "e."...)
}

// call is an object made by calling something by name: never called here.
type call struct {
	name string
	args any
}

// list is a Python list, tuple or set; a pointer, because the memo shares it.
type list struct{ items []any }

// dict is a Python dict in its order.
type dict struct{ keys, values []any }

type mark struct{}

// unpickle decodes one pickle into nil, bool, int64, float64, string, *list,
// *dict and call.
func unpickle(data []byte) (any, error) {
	m := &machine{in: data, memo: map[uint32]any{}}
	for {
		op, err := m.take(1)
		if err != nil {
			return nil, err
		}
		if op[0] == '.' {
			return m.pop()
		}
		if err := m.step(op[0]); err != nil {
			return nil, fmt.Errorf("opcode %#02x at byte %d: %w", op[0], len(data)-len(m.in)-1, err)
		}
	}
}

// machine is the pickle machine: a stack and a memo.
type machine struct {
	in    []byte
	stack []any
	memo  map[uint32]any
}

func (m *machine) take(n int) ([]byte, error) {
	if n < 0 || n > len(m.in) {
		return nil, fmt.Errorf("%w: cut short", errPickle)
	}
	b := m.in[:n]
	m.in = m.in[n:]
	return b, nil
}

// number reads an unsigned little-endian number of n bytes.
func (m *machine) number(n int) (int, error) {
	b, err := m.take(n)
	var v uint64
	for i := range b {
		v |= uint64(b[i]) << (8 * i)
	}
	return int(min(v, math.MaxInt32)), err
}

func (m *machine) push(v any) error {
	m.stack = append(m.stack, v)
	return nil
}

func (m *machine) pop() (any, error) {
	if len(m.stack) == 0 {
		return nil, fmt.Errorf("%w: nothing on the stack", errPickle)
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	return v, nil
}

func (m *machine) top() any {
	if len(m.stack) == 0 {
		return nil
	}
	return m.stack[len(m.stack)-1]
}

// popN takes the n upper values.
func (m *machine) popN(n int) ([]any, error) {
	if n > len(m.stack) {
		return nil, fmt.Errorf("%w: nothing on the stack", errPickle)
	}
	v := append([]any(nil), m.stack[len(m.stack)-n:]...)
	m.stack = m.stack[:len(m.stack)-n]
	return v, nil
}

// popMark takes everything above the uppermost mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, ok := m.stack[i].(mark); ok {
			v, err := m.popN(len(m.stack) - i - 1)
			m.stack = m.stack[:i]
			return v, err
		}
	}
	return nil, fmt.Errorf("%w: no mark", errPickle)
}

func (m *machine) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		_, err := m.take(1)
		return err
	case 0x95: // FRAME
		_, err := m.take(8)
		return err
	case '(':
		return m.push(mark{})
	case 'N':
		return m.push(nil)
	case 0x88, 0x89:
		return m.push(op == 0x88)
	case 'K', 'M', 'J', 0x8a, 'G':
		return m.numeral(op)
	case 'X', 0x8c, 0x8d, 'U', 'T', 'C', 'B', 0x8e:
		return m.text(op)
	case 'q', 'r', 0x94, 'h', 'j':
		return m.remember(op)
	case 'c', 0x93, 'R', 0x81, 'b':
		return m.object(op)
	}
	return m.collect(op)
}

// numeral reads a number: of one byte or two, of four with a sign, as many as the
// first byte says (LONG1), or a float.
func (m *machine) numeral(op byte) error {
	n := map[byte]int{'K': 1, 'M': 2, 'J': 4, 'G': 8}[op]
	if n == 0 {
		var err error
		if n, err = m.number(1); err != nil || n > 8 {
			return errors.Join(err, fmt.Errorf("%w: a number of %d bytes", errPickle, n))
		}
	}
	b, err := m.take(n)
	if err != nil {
		return err
	}
	if op == 'G' {
		return m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	}
	var v int64
	for i := range b {
		v |= int64(b[i]) << (8 * i)
	}
	if shift := 64 - 8*n; n > 2 || op == 0x8a {
		v = v << shift >> shift
	}
	return m.push(v)
}

func (m *machine) line() (string, error) {
	i := bytes.IndexByte(m.in, '\n')
	b, err := m.take(i)
	if err == nil {
		_, err = m.take(1)
	}
	return string(b), err
}

func (m *machine) text(op byte) error {
	size := 4
	switch op {
	case 0x8c, 'U', 'C':
		size = 1
	case 0x8d, 0x8e:
		size = 8
	}
	n, err := m.number(size)
	if err != nil {
		return err
	}
	b, err := m.take(n)
	return errors.Join(err, m.push(strings.ToValidUTF8(string(b), "\uFFFD")))
}

func (m *machine) remember(op byte) error {
	var n int
	var err error
	switch op {
	case 0x94: // MEMOIZE
		n = len(m.memo)
	case 'q', 'h':
		n, err = m.number(1)
	default:
		n, err = m.number(4)
	}
	if err != nil {
		return err
	}
	if op == 'h' || op == 'j' {
		v, ok := m.memo[uint32(n)]
		if !ok {
			return fmt.Errorf("%w: nothing remembered as %d", errPickle, n)
		}
		return m.push(v)
	}
	m.memo[uint32(n)] = m.top()
	return nil
}

// object handles names, calls and what is set on their results.
func (m *machine) object(op byte) error {
	switch op {
	case 'c': // GLOBAL
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		return errors.Join(err, m.push(call{name: module + "." + name}))
	case 'b': // BUILD: the state of an object does not matter here
		_, err := m.pop()
		return err
	}
	v, err := m.popN(2)
	if err != nil {
		return err
	}
	if op == 0x93 { // STACK_GLOBAL
		return m.push(call{name: fmt.Sprint(asText(v[0]), ".", asText(v[1]))})
	}
	f, _ := v[0].(call) // REDUCE, NEWOBJ
	f.args = v[1]
	if l, ok := f.args.(*list); ok && len(l.items) == 1 && (f.name == "builtins.str" || f.name == "__builtin__.str" || f.name == "__builtin__.unicode") {
		return m.push(l.items[0])
	}
	return m.push(f)
}

func asText(v any) string {
	s, _ := v.(string)
	return s
}

// collect handles the opcodes of lists, tuples, sets and dicts.
func (m *machine) collect(op byte) error {
	switch op {
	case ']', ')', 0x8f:
		return m.push(&list{})
	case '}':
		return m.push(&dict{})
	case 0x85, 0x86, 0x87: // TUPLE1 to TUPLE3
		v, err := m.popN(int(op) - 0x84)
		return errors.Join(err, m.push(&list{v}))
	case 't', 0x91, 'e', 'u', 0x90:
		v, err := m.popMark()
		if err != nil {
			return err
		}
		return m.fill(op, v)
	case 'a', 's':
		v, err := m.popN(map[byte]int{'a': 1, 's': 2}[op])
		if err != nil {
			return err
		}
		return m.fill(op, v)
	}
	return fmt.Errorf("%w: unknown opcode", errPickle)
}

func (m *machine) fill(op byte, v []any) error {
	switch op {
	case 't', 0x91:
		return m.push(&list{v})
	}
	switch t := m.top().(type) {
	case *list:
		t.items = append(t.items, v...)
		return nil
	case *dict:
		return t.add(v)
	}
	return fmt.Errorf("%w: adding to what is no list", errPickle)
}

func (d *dict) add(pairs []any) error {
	if len(pairs)%2 != 0 {
		return fmt.Errorf("%w: a key without a value", errPickle)
	}
	for i := 0; i < len(pairs); i += 2 {
		d.keys, d.values = append(d.keys, pairs[i]), append(d.values, pairs[i+1])
	}
	return nil
}

// pickleJSON decodes an answer into JSON.
func pickleJSON(data []byte) ([]byte, error) {
	v, err := unpickle(data)
	left := maxPickle
	if err == nil {
		v, err = plain(v, 0, &left)
	}
	if err != nil {
		return nil, fmt.Errorf("reading fail2ban's answer: %w", err)
	}
	return json.Marshal(v)
}

// plain is a value as JSON has it. A list that contains itself, or the same list
// many times over, ends as an error, not as endless text: left bounds it.
func plain(v any, depth int, left *int) (any, error) {
	if *left -= 1 + len(asText(v)); depth > maxDepth || *left < 0 {
		return nil, fmt.Errorf("%w: too deep or too long", errPickle)
	}
	switch t := v.(type) {
	case *list:
		out := make([]any, 0, len(t.items))
		for _, x := range t.items {
			p, err := plain(x, depth+1, left)
			if err != nil {
				return nil, err
			}
			out = append(out, p)
		}
		return out, nil
	case *dict:
		out := make(map[string]any, len(t.keys))
		for i := range t.keys {
			k, err := plain(t.keys[i], depth+1, left)
			p, verr := plain(t.values[i], depth+1, left)
			if err = errors.Join(err, verr); err != nil {
				return nil, err
			}
			out[fmt.Sprint(k)] = p
		}
		return out, nil
	case call:
		return plain(&dict{[]any{"called", "with"}, []any{t.name, t.args}}, depth, left)
	case float64:
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return nil, nil
		}
	case mark:
		return nil, nil
	}
	return v, nil
}
