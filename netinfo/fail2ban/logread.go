package fail2ban

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/pbxlog"
	"github.com/sipdoctor/sipdoctor/platform"
)

// Bounds of reading logs. A log is read from its end, a chunk at a time, until
// it is older than what is wanted: a log of 1 GB costs what its last hours cost.
const (
	logChunk    = 1 << 20
	maxAttempts = 20_000   // of all addresses in one log: ten failures a second for half an hour
	maxUnzip    = 64 << 20 // of rotated, compressed logs
	maxLine     = 1 << 20
)

// errLogBudget ends reading where the time for logs is over.
var errLogBudget = problem(because("log-budget"))

// wanted is what a log is searched for.
type wanted struct {
	prefixes []netip.Prefix
	texts    [][]byte  // one of them is in every line about a prefix; nil: look at all
	from     time.Time // nothing older
	now      time.Time
	zone     *time.Location
	deadline time.Time // when to give up, by the clock on the wall
	parser   *pbxlog.Parser
}

func (w *wanted) lines() *pbxlog.Parser {
	if w.parser == nil {
		w.parser = parserOf(w.zone, w.now)
	}
	return w.parser
}

// searchTexts finds for each prefix what its addresses begin with as text, so
// that most lines need not be read. Nil if one has no such text.
func searchTexts(prefixes []netip.Prefix) (texts [][]byte) {
	for _, p := range prefixes {
		text := ""
		switch {
		case p.IsSingleIP():
			text = p.Addr().String()
		case p.Addr().Is4():
			octets := strings.Split(p.Addr().String(), ".")
			if text = strings.Join(octets[:p.Bits()/8], "."); text != "" {
				text += "."
			}
		default:
			a := p.Addr().As16()
			for g := 0; g < p.Bits()/16 && (a[2*g] != 0 || a[2*g+1] != 0); g++ {
				text += strconv.FormatUint(uint64(a[2*g])<<8|uint64(a[2*g+1]), 16) + ":"
			}
		}
		if text == "" {
			return nil
		}
		texts = append(texts, []byte(text))
	}
	return texts
}

// logHistory is what a log showed.
type logHistory struct {
	attempts []attempt // in the order of time
	since    time.Time // how far back it was read
	cut      bool      // there is more in that time
	notes    []error
}

// readLog reads a log from its end, then its rotated predecessors as far as
// they are needed.
func readLog(s platform.System, name string, w *wanted) *logHistory {
	h := &logHistory{since: w.now}
	files := append([]string{name}, rotated(s, name)...)
	for i, file := range files {
		done, err := h.readFile(s, file, w)
		if errors.Is(err, fs.ErrNotExist) && i > 0 {
			continue
		}
		if err != nil {
			h.notes = append(h.notes, err)
			h.cut = h.cut || errors.Is(err, errLogBudget)
		}
		if done || err != nil {
			break
		}
	}
	if !h.cut && len(h.notes) == 0 {
		h.since = w.from
	}
	slices.SortStableFunc(h.attempts, func(a, b attempt) int { return a.at.Compare(b.at) })
	return h
}

// rotated lists the predecessors of a log, the newest first: NAME.1, NAME.2.gz,
// or NAME-20261122 as logrotate's dateext names them.
func rotated(s platform.System, name string) []string {
	numbered := glob(s, name+".[0-9]*")
	number := func(f string) int {
		n, _, _ := strings.Cut(strings.TrimPrefix(f, name+"."), ".")
		i, err := strconv.Atoi(n)
		if err != nil {
			return 1 << 30
		}
		return i
	}
	slices.SortFunc(numbered, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	dated := glob(s, name+"-[0-9]*")
	slices.Reverse(dated)
	return append(numbered, dated...)
}

// readFile reads one file; done says that it reached far enough back.
func (h *logHistory) readFile(s platform.System, name string, w *wanted) (done bool, err error) {
	f, err := s.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if strings.HasSuffix(name, ".gz") {
		return h.readZipped(f, w)
	}
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	seeker, ok := f.(io.ReadSeeker)
	if !ok {
		return false, errors.ErrUnsupported
	}
	return h.readBack(seeker, info.Size(), w)
}

// readBack reads chunks from the end. The first, cut line of each chunk is read
// with the chunk before it.
func (h *logHistory) readBack(f io.ReadSeeker, size int64, w *wanted) (done bool, err error) {
	buf := make([]byte, 0, logChunk+maxLine)
	var carry []byte
	for end := size; end > 0 && !done; {
		start := max(0, end-logChunk)
		if _, err := f.Seek(start, io.SeekStart); err != nil {
			return false, err
		}
		buf = buf[:end-start]
		n, err := io.ReadFull(f, buf)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return false, err
		}
		buf = append(buf[:n], carry...)
		body := buf
		if start > 0 {
			i := bytes.IndexByte(buf, '\n') + 1
			if i == 0 {
				i = len(buf)
			}
			carry, body = nil, buf[i:]
			if i < maxLine { // Asterisk does not write longer lines
				carry = bytes.Clone(buf[:i])
			}
		}
		if done = h.chunk(body, w); !done && w.late() {
			return false, errLogBudget
		}
		end = start
	}
	return done, nil
}

func (w *wanted) late() bool { return !w.deadline.IsZero() && time.Now().After(w.deadline) }

// readZipped reads a compressed log, which is only possible from its beginning. Its whole text counts as read.
func (h *logHistory) readZipped(f io.Reader, w *wanted) (done bool, err error) {
	z, err := gzip.NewReader(f)
	if err != nil {
		return false, err
	}
	r := bufio.NewReaderSize(io.LimitReader(z, maxUnzip), logChunk)
	first := true
	for {
		chunk, err := r.Peek(logChunk)
		if len(chunk) == 0 {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return done, err
		}
		if i := bytes.LastIndexByte(chunk, '\n'); i >= 0 && err == nil {
			chunk = chunk[:i+1]
		}
		older := h.chunk(chunk, w)
		if first {
			done, first = older, false
		}
		if _, err := r.Discard(len(chunk)); err != nil {
			return done, err
		}
		if w.late() {
			return done, errLogBudget
		}
	}
}

// chunk takes the attempts out of whole lines and tells whether they reach back
// to before what is wanted.
func (h *logHistory) chunk(body []byte, w *wanted) (older bool) {
	if at, ok := firstTime(body, w); ok {
		if at.Before(h.since) {
			h.since = at
		}
		older = at.Before(w.from)
	}
	if len(h.attempts) >= maxAttempts {
		h.cut = true
		return true
	}
	if w.texts == nil {
		for line := range bytes.Lines(body) {
			h.take(line, w)
		}
		return older
	}
	beforeAddress := []byte(" '/([:,\"") // what may stand before one in a line that counts
	var seen []int                       // beginnings of lines, where several texts may be in one
	for _, text := range w.texts {
		for at := 0; ; {
			i := bytes.Index(body[at:], text)
			if i < 0 {
				break
			}
			i += at
			if i > 0 && bytes.IndexByte(beforeAddress, body[i-1]) < 0 {
				at = i + len(text)
				continue
			}
			begin := bytes.LastIndexByte(body[:i], '\n') + 1
			end := len(body)
			if j := bytes.IndexByte(body[i:], '\n'); j >= 0 {
				end = i + j
			}
			line := body[begin:end]
			if at = end; !slices.Contains(seen, begin) {
				if h.take(line, w) && len(w.texts) > 1 {
					seen = append(seen, begin)
				}
			}
		}
	}
	return older
}

// firstTime is the time of the first line that has one.
func firstTime(body []byte, w *wanted) (time.Time, bool) {
	n := 0
	for line := range bytes.Lines(body) {
		if at, ok := w.lines().Time(line); ok {
			return at, true
		}
		if n++; n > 200 {
			break
		}
	}
	return time.Time{}, false
}

// take keeps a line that tells of a wanted address.
func (h *logHistory) take(line []byte, w *wanted) bool {
	a, ok := readAttempt(w.lines(), line)
	if !ok || a.at.Before(w.from) || len(h.attempts) >= maxAttempts {
		return false
	}
	if !slices.ContainsFunc(w.prefixes, func(p netip.Prefix) bool { return p.Contains(a.addr) }) {
		return false
	}
	h.attempts = append(h.attempts, a)
	return true
}
