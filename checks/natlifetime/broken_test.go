package natlifetime

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// brokenSocket fails after a time, or hears nothing until its deadline.
type brokenSocket struct {
	platform.UDPConn
	after time.Duration
	err   error
}

func (b brokenSocket) ReadFrom([]byte) (platform.Datagram, error) {
	time.Sleep(b.after)
	return platform.Datagram{}, b.err
}
func (b brokenSocket) SetReadDeadline(time.Time) error { return nil }

// A flow has been waited out when its time has passed, not when this machine's
// socket has failed: that would be the router's timer otherwise.
func TestASocketThatFailsHasNotWaited(t *testing.T) {
	const silence = 60
	whole := silence*time.Second + lateGrace
	for name, tt := range map[string]struct {
		conn   brokenSocket
		waited bool
	}{
		"nothing comes until the end":   {brokenSocket{after: whole, err: os.ErrDeadlineExceeded}, true},
		"the socket fails on the way":   {brokenSocket{after: 5 * time.Second, err: errors.New("network is down")}, false},
		"it fails a moment before that": {brokenSocket{after: whole - time.Millisecond, err: errors.New("network is down")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &flow{run: &run{}, conn: tt.conn, seconds: silence, last: time.Now(), seen: &Flow{}}
				if err := f.listen(t.Context()); err != nil || f.seen.Waited != tt.waited {
					t.Errorf("waited %t, %v", f.seen.Waited, err)
				}
			})
		})
	}
}
