package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/sipdoctor/sipdoctor/checks/internal/standin"
	"github.com/sipdoctor/sipdoctor/netinfo/pcap"
)

// An Anonymizer writes a capture that can be shown to strangers and has the same
// faults: frame for frame, with the same times and lengths. Nothing of a frame is
// copied but what is known to name nobody: headers with stand-ins for their
// addresses, SIP with stand-ins for its names (see standin.Mask), of RTP the header.
// Everything else is zero: audio, keys, unknown protocols, padding, and messages of
// which the capture lacks a part.
//
// A message may be spread over fragments or TCP segments, so frames wait until what
// they belong to is complete; one that is not complete in time stays zero.
type Anonymizer struct {
	out     *pcap.Writer
	mask    *standin.Mask
	decoder pcap.Decoder
	tcp     pcap.Streams
	frames  int
	waiting []*heldFrame
	held    int                // bytes of those
	byFrame map[int]*heldFrame // those with TCP
	pieces  map[pcap.DatagramID][]piece
	now     *heldFrame // is being built
	target  *rebuilt   // of it, or of a datagram that it has completed
	events  map[uint8]bool
	left    int // messages
	err     error
}

const (
	// maxHeld is how much waits: a message whose parts are further apart is lost.
	maxHeld = 32 << 20
	// maxPieces datagrams wait for their fragments.
	maxPieces = 4096
)

// heldFrame is a frame that waits to be written.
type heldFrame struct {
	pcap.Frame
	out     rebuilt
	payload []byte // of TCP: where in out it belongs
	like    *pcap.Reader
}

// rebuilt is a frame, or a datagram that came in fragments, while it is built.
type rebuilt struct {
	in, out  []byte
	sums     []checksum
	src, dst netip.Addr // stand-ins, of the latest IP header
	id       pcap.DatagramID
	whole    bool
}

// piece is where a fragment of a datagram belongs.
type piece struct {
	at     int
	target []byte
}

// NewAnonymizer returns one that writes to a file.
func NewAnonymizer(to io.Writer) *Anonymizer { return newAnonymizer(to, standin.New()) }

func newAnonymizer(to io.Writer, m *standin.Mask) *Anonymizer {
	a := &Anonymizer{
		out: pcap.NewWriter(to), mask: m, byFrame: map[int]*heldFrame{}, pieces: map[pcap.DatagramID][]piece{},
		events: map[uint8]bool{101: true}, // the usual number, where no description is captured
	}
	a.decoder.Layer = a.layer
	a.tcp.Wanted, a.tcp.Data = wantedStream, a.stream
	return a
}

// Copy writes the frames of one capture. A text is refused with pcap.ErrFormat; a
// capture that ends in the middle is copied up to there.
func (a *Anonymizer) Copy(ctx context.Context, from io.Reader) error {
	in, err := pcap.NewReader(from)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	for ctx.Err() == nil && a.err == nil {
		f, err := in.NextFrame()
		if err != nil {
			break
		}
		a.frame(in, f)
	}
	a.finishFile()
	return errors.Join(a.err, ctx.Err())
}

// finishFile writes what waits, because the next file describes its interfaces anew.
func (a *Anonymizer) finishFile() {
	a.tcp.Finish()
	a.decoder.Finish()
	for len(a.waiting) > 0 && a.err == nil {
		a.release()
	}
}

// Learn reads a capture that Copy will read later, so that names are known before they
// are met. It need not be called; Learned ends it.
func (a *Anonymizer) Learn(ctx context.Context, from io.Reader) error {
	pupil := newAnonymizer(io.Discard, a.mask)
	if err := pupil.Copy(ctx, from); err != nil && !errors.Is(err, pcap.ErrMixed) {
		return err
	}
	return nil
}

// Learned says that all captures were learnt.
func (a *Anonymizer) Learned() { a.mask.Learned() }

// Left is how many messages the copy lacks, because their stand-ins did not fit in
// their place.
func (a *Anonymizer) Left() int { return a.left }

// Finish writes what is left.
func (a *Anonymizer) Finish() error {
	if err := errors.Join(a.err, a.out.Flush()); err != nil {
		return fmt.Errorf("anonymizing the capture: %w", err)
	}
	return nil
}

func (a *Anonymizer) frame(in *pcap.Reader, f *pcap.Frame) {
	a.frames++
	f.Number = a.frames
	h := &heldFrame{Frame: *f, like: in}
	h.out = rebuilt{in: f.Data, out: make([]byte, len(f.Data))}
	h.Data = h.out.out
	a.now, a.target = h, &h.out
	d, ok := a.decoder.Decode(f)
	a.waiting = append(a.waiting, h)
	a.held += len(h.Data) + frameCost
	if ok && d.Tunnel != "hep" {
		a.payload(h, d)
	}
	if p := a.target; p.whole {
		p.finish()
		for _, piece := range a.pieces[p.id] {
			copy(piece.target, p.out[min(piece.at, len(p.out)):])
		}
		delete(a.pieces, p.id)
	}
	h.out.in, a.now, a.target = nil, nil, nil
	for a.held > maxHeld && a.err == nil {
		a.release()
	}
}

// frameCost is what a frame takes besides its bytes, about.
const frameCost = 256

// payload writes what a datagram or segment carries.
func (a *Anonymizer) payload(h *heldFrame, d *pcap.Datagram) {
	at := a.target.place(d.Payload)
	target := a.target.out[at : at+len(d.Payload)]
	if d.Protocol == pcap.UDP {
		a.datagram(target, d)
		return
	}
	if !a.target.whole && len(target) > 0 {
		h.payload = target
		a.byFrame[h.Number] = h
	}
	a.tcp.Feed(d)
}

// release writes the frame that has waited for longest.
func (a *Anonymizer) release() {
	h := a.waiting[0]
	a.waiting = a.waiting[1:]
	a.held -= len(h.Data) + frameCost
	delete(a.byFrame, h.Number)
	h.out.finish()
	a.out.Like(h.like)
	a.err = a.out.WriteFrame(&h.Frame)
}

// place is where in the original a piece of it stands: both end in the same array.
func (p *rebuilt) place(b []byte) int { return cap(p.in) - cap(b) }
