package fail2ban

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"slices"
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

// dict is a Python dict.
type dict = map[string]any

type mark struct{}

// machine is the pickle machine: a stack and a memo. After its first error it
// reads nothing more.
type machine struct {
	in    []byte
	stack []any
	memo  map[uint64]any
	err   error
}

// unpickle decodes one pickle into nil, bool, int64, float64, string, *list,
// dict and call.
func unpickle(data []byte) (any, error) {
	m := &machine{in: data, memo: map[uint64]any{}}
	for m.err == nil {
		op := byte(m.number(1))
		if op == '.' {
			return m.pop(1)[0], m.err
		}
		if m.value(op); m.err != nil {
			return nil, fmt.Errorf("opcode %#02x at byte %d: %w", op, len(data)-len(m.in)-1, m.err)
		}
	}
	return nil, m.err
}

func (m *machine) fail(err error) { m.err = cmp.Or(m.err, err) }

// take cuts off the next n bytes.
func (m *machine) take(n uint64) []byte {
	if n > uint64(len(m.in)) {
		m.fail(fmt.Errorf("%w: cut short", errPickle))
		return nil
	}
	b := m.in[:n]
	m.in = m.in[n:]
	return b
}

// number takes an unsigned little-endian number of at most eight bytes.
func (m *machine) number(bytes uint64) (n uint64) {
	for i, c := range m.take(bytes) {
		n |= uint64(c) << (8 * i)
	}
	return n
}

// signed takes a number in two's complement.
func (m *machine) signed(bytes uint64) int64 {
	if bytes > 8 {
		m.fail(fmt.Errorf("%w: a number of more than eight bytes", errPickle))
		return 0
	}
	shift := 64 - 8*bytes
	return int64(m.number(bytes)<<shift) >> shift
}

// text takes a text whose length stands before it, in so many bytes.
func (m *machine) text(size uint64) string {
	return strings.ToValidUTF8(string(m.take(m.number(size))), "\uFFFD")
}

// line takes a text up to the end of its line.
func (m *machine) line() string {
	text, _, _ := strings.Cut(string(m.in), "\n")
	m.take(uint64(len(text)) + 1)
	return text
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// pop takes the n upper values, always as many.
func (m *machine) pop(n int) []any {
	if n > len(m.stack) {
		m.fail(fmt.Errorf("%w: nothing on the stack", errPickle))
		return make([]any, n)
	}
	v := slices.Clone(m.stack[len(m.stack)-n:])
	m.stack = m.stack[:len(m.stack)-n]
	return v
}

// popMark takes everything above the uppermost mark, and the mark.
func (m *machine) popMark() []any {
	for i, v := range slices.Backward(m.stack) {
		if _, ok := v.(mark); ok {
			return m.pop(len(m.stack) - i)[1:]
		}
	}
	m.fail(fmt.Errorf("%w: no mark", errPickle))
	return nil
}

// remember keeps the uppermost value under a number, and recall brings it back.
func (m *machine) remember(at uint64) {
	v := m.pop(1)[0]
	m.memo[at] = v
	m.push(v)
}

func (m *machine) recall(at uint64) {
	v, ok := m.memo[at]
	if !ok {
		m.fail(fmt.Errorf("%w: nothing remembered by that number", errPickle))
	}
	m.push(v)
}

// value runs the opcodes of single values and of the memo.
func (m *machine) value(op byte) {
	switch op {
	case 0x80: // PROTO
		m.take(1)
	case 0x95: // FRAME
		m.take(8)
	case 'N':
		m.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		m.push(op == 0x88)
	case 'K': // BININT1
		m.push(int64(m.number(1)))
	case 'M': // BININT2
		m.push(int64(m.number(2)))
	case 'J': // BININT
		m.push(m.signed(4))
	case 0x8a: // LONG1
		m.push(m.signed(m.number(1)))
	case 'G': // BINFLOAT
		m.push(math.Float64frombits(bits.ReverseBytes64(m.number(8))))
	case 'U', 'C', 0x8c: // texts and bytes, by the size of their length
		m.push(m.text(1))
	case 'X', 'T', 'B':
		m.push(m.text(4))
	case 0x8d, 0x8e:
		m.push(m.text(8))
	case 'q': // BINPUT, LONG_BINPUT, MEMOIZE
		m.remember(m.number(1))
	case 'r':
		m.remember(m.number(4))
	case 0x94:
		m.remember(uint64(len(m.memo)))
	case 'h': // BINGET, LONG_BINGET
		m.recall(m.number(1))
	case 'j':
		m.recall(m.number(4))
	default:
		m.object(op)
	}
}

// object runs the opcodes of lists, tuples, sets and dicts, of names and of calls.
func (m *machine) object(op byte) {
	switch op {
	case '(':
		m.push(mark{})
	case ']', ')', 0x8f: // EMPTY_LIST, EMPTY_TUPLE, EMPTY_SET
		m.push(&list{})
	case '}':
		m.push(dict{})
	case 0x85, 0x86, 0x87: // TUPLE1 to TUPLE3
		m.push(&list{m.pop(int(op) - 0x84)})
	case 't', 0x91: // TUPLE, FROZENSET
		m.push(&list{m.popMark()})
	case 'e', 'u', 0x90: // APPENDS, SETITEMS, ADDITEMS
		m.fill(m.popMark())
	case 'a': // APPEND
		m.fill(m.pop(1))
	case 's': // SETITEM
		m.fill(m.pop(2))
	case 'c': // GLOBAL
		module := m.line()
		m.push(call{name: module + "." + m.line()})
	case 0x93: // STACK_GLOBAL
		v := m.pop(2)
		m.push(call{name: asText(v[0]) + "." + asText(v[1])})
	case 'R', 0x81: // REDUCE, NEWOBJ
		v := m.pop(2)
		m.push(made(v[0], v[1]))
	case 'b': // BUILD: the state of an object does not matter here
		m.pop(1)
	default:
		m.fail(fmt.Errorf("%w: unknown opcode", errPickle))
	}
}

// made is what a call stands for: the text that str is given, or the call.
func made(of, args any) any {
	f, _ := of.(call)
	f.args = args
	if l, ok := args.(*list); ok && len(l.items) == 1 && slices.Contains([]string{"builtins.str", "__builtin__.str", "__builtin__.unicode"}, f.name) {
		return l.items[0]
	}
	return f
}

func asText(v any) string {
	s, _ := v.(string)
	return s
}

// fill adds values to the uppermost list, or keys and values to such a dict.
func (m *machine) fill(v []any) {
	to := m.pop(1)[0]
	m.push(to)
	switch t := to.(type) {
	case *list:
		t.items = append(t.items, v...)
	case dict:
		if len(v)%2 != 0 {
			m.fail(fmt.Errorf("%w: a key without a value", errPickle))
			return
		}
		for i := 0; i < len(v); i += 2 {
			switch key := v[i].(type) {
			case string, int64, bool, nil:
				t[fmt.Sprint(key)] = v[i+1]
			default:
				m.fail(fmt.Errorf("%w: a key that is not a plain value", errPickle))
			}
		}
	default:
		m.fail(fmt.Errorf("%w: adding to what is not a list", errPickle))
	}
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
	var err error
	switch t := v.(type) {
	case *list:
		out := make([]any, len(t.items))
		for i := range t.items {
			if out[i], err = plain(t.items[i], depth+1, left); err != nil {
				return nil, err
			}
		}
		return out, nil
	case dict:
		out := make(dict, len(t))
		for key, value := range t {
			*left -= len(key)
			if out[key], err = plain(value, depth+1, left); err != nil {
				return nil, err
			}
		}
		return out, nil
	case call:
		return plain(dict{"called": t.name, "with": t.args}, depth, left)
	case float64:
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return nil, nil
		}
	case mark:
		return nil, nil
	}
	return v, nil
}
