package platform

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/crypto/ssh"
)

// remoteShell is a shell that runs one script after the other: a session for each would
// cost three times as much of the way there and back.
type remoteShell struct {
	session  *ssh.Session
	in       io.Writer
	out, err *bufio.Reader
	mark     string // that no output holds
}

// shellBegin is what every shell is told first: where programs are, beside the PATH of
// the login, and what language they speak.
const shellBegin = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C LANG=C; export PATH LC_ALL LANG\n"

func (r *Remote) startShell() (*remoteShell, error) {
	s, err := r.ssh.NewSession()
	if err != nil {
		return nil, err
	}
	in, ierr := s.StdinPipe()
	out, oerr := s.StdoutPipe()
	complaints, cerr := s.StderrPipe()
	for _, err := range []error{ierr, oerr, cerr, s.Start("sh")} {
		if err != nil {
			s.Close()
			return nil, err
		}
	}
	sh := &remoteShell{session: s, in: in, out: bufio.NewReaderSize(out, 1<<16), err: bufio.NewReader(complaints), mark: "sipdoctor-" + rand.Text()}
	_, err = io.WriteString(in, shellBegin)
	return sh, err
}

func (sh *remoteShell) close() {
	if sh != nil {
		_ = sh.session.Close() // nothing of it is wanted any more
	}
}

// exitStatus is how a script ended that failed.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// run runs a script. When ctx ends the shell is of no more use.
func (sh *remoteShell) run(ctx context.Context, script string, out, complaint *boundedBuffer) error {
	stop := context.AfterFunc(ctx, sh.close)
	defer stop()
	if _, err := fmt.Fprintf(sh.in, "( %s\n) </dev/null; printf '\\n%s %%d\\n' $?; printf '\\n%s 0\\n' >&2\n", script, sh.mark, sh.mark); err != nil {
		return err
	}
	complained := make(chan error, 1)
	go func() {
		_, err := untilMark(sh.err, sh.mark, complaint)
		complained <- err
	}()
	status, err := untilMark(sh.out, sh.mark, out)
	if err != nil {
		sh.close()
	}
	if cerr := <-complained; err == nil {
		err = cerr
	}
	if err == nil && status != 0 {
		err = exitStatus(status)
	}
	return err
}

// untilMark copies what stands before the line of a mark, whose number it returns. The
// line end before the mark is not part of it.
func untilMark(in *bufio.Reader, mark string, to io.Writer) (n int, err error) {
	ended := false // the last line did, and its end is not copied yet
	for begin := true; ; {
		b, err := in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		if rest, ok := bytes.CutPrefix(b, []byte(mark+" ")); ok && begin {
			return strconv.Atoi(string(bytes.TrimSpace(rest)))
		}
		if ended {
			_, _ = to.Write([]byte{'\n'}) // into memory
		}
		ended = err == nil
		begin = ended
		_, _ = to.Write(bytes.TrimSuffix(b, []byte{'\n'}))
	}
}
