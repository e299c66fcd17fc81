package platform

import (
	"context"
	"io"

	"golang.org/x/crypto/ssh"
)

// StartSession opens a session and begins it with start. Package ssh waits without end for a
// server that says nothing more; this waits until ctx ends.
func StartSession(ctx context.Context, c *ssh.Client, start func(*ssh.Session) error) (*ssh.Session, error) {
	type opened struct {
		session *ssh.Session
		err     error
	}
	got := make(chan opened)
	go func() {
		s, err := c.NewSession()
		if err == nil {
			if err = start(s); err != nil {
				_ = s.Close() // it has not begun
			}
		}
		select {
		case got <- opened{s, err}:
		case <-ctx.Done():
			if err == nil {
				_ = s.Close() // nobody waits for it any more
			}
		}
	}()
	select {
	case o := <-got:
		return o.session, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// readable is what comes from r, until the reader hangs up: closing a channel of SSH does
// not end a Read of it before the other side agrees. finish, if any, says how it ended.
func readable(r io.Reader, finish func() error) *io.PipeReader {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		if err == nil && finish != nil {
			err = finish()
		}
		_ = in.CloseWithError(err) // never fails; nil is the end of the file
	}()
	return out
}

// writable passes on to w what is written, until the writer hangs up: see readable.
func writable(w io.Writer) *io.PipeWriter {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(w, out)
		_ = out.CloseWithError(err) // never fails
	}()
	return in
}
