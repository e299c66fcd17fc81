package sipalg

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// brokenSocket is one whose every read fails.
type brokenSocket struct {
	platform.UDPConn
	err error
}

func (b brokenSocket) ReadFrom([]byte) (platform.Datagram, error) { return platform.Datagram{}, b.err }
func (b brokenSocket) SetReadDeadline(time.Time) error            { return nil }

// While the responder calls us, only the end of the wait is silence of the network.
func TestASocketThatFailsIsNoSilence(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		failed bool
	}{
		"the call does not come":     {os.ErrDeadlineExceeded, false},
		"this machine's socket dies": {errors.New("network is down"), true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &Probe{}
			if _, m := p.await(t.Context(), brokenSocket{err: tt.err}, "INVITE", time.Now().Add(time.Second)); m != nil {
				t.Error("a call from nowhere")
			}
			if (p.Error != "") != tt.failed {
				t.Errorf("error %q", p.Error)
			}
		})
	}
}
