package platform

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/crypto/ssh"
)

// remoteShell is a shell that runs one script after the other: a session for each would
// cost three times as much of the way there and back.
type remoteShell struct {
	session  *ssh.Session
	in       *io.PipeWriter
	pipes    [2]*io.PipeReader // of its outputs
	out, err *bufio.Reader
	mark     string // that no output holds
	greeted  bool   // what the login itself says has been read
}

// shellBegin is what every shell is told first: where programs are, beside the PATH of
// the login, and what language they speak.
const shellBegin = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C LANG=C; export PATH LC_ALL LANG\n"

func (r *Remote) startShell(ctx context.Context) (*remoteShell, error) {
	var in io.Writer
	var out, complaints io.Reader
	s, err := StartSession(ctx, r.ssh, func(s *ssh.Session) error {
		var ierr, oerr, cerr error
		in, ierr = s.StdinPipe()
		out, oerr = s.StdoutPipe()
		complaints, cerr = s.StderrPipe()
		return cmp.Or(ierr, oerr, cerr, s.Start("sh"))
	})
	if err != nil {
		return nil, err
	}
	sh := &remoteShell{session: s, in: writable(in), pipes: [2]*io.PipeReader{readable(out, nil), readable(complaints, nil)}, mark: newMark()}
	sh.out, sh.err = bufio.NewReaderSize(sh.pipes[0], 1<<16), bufio.NewReader(sh.pipes[1])
	stop := context.AfterFunc(ctx, sh.close)
	defer stop()
	_, err = io.WriteString(sh.in, shellBegin+saysMark(sh.mark, "0"))
	return sh, err
}

// newMark is a text that no output holds, and saysMark the command that prints it on both
// outputs, with a number.
func newMark() string { return "sipdoctor-" + rand.Text() }

func saysMark(mark, number string) string {
	return fmt.Sprintf("printf '\\n%s %%d\\n' %s; printf '\\n%s 0\\n' >&2\n", mark, number, mark)
}

// close hangs up, whether or not the other side answers.
func (sh *remoteShell) close() {
	if sh == nil {
		return
	}
	_ = sh.in.Close() // as the other two, it never fails
	for _, p := range sh.pipes {
		_ = p.Close()
	}
	go func() { _ = sh.session.Close() }() // nothing of it is wanted any more
}

// exitStatus is how a script ended that failed.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// run runs a script. When ctx ends the shell is of no more use.
func (sh *remoteShell) run(ctx context.Context, script string, out, complaint *boundedBuffer) error {
	stop := context.AfterFunc(ctx, sh.close)
	defer stop()
	err := sh.runs(script, out, complaint)
	if _, ended := errors.AsType[exitStatus](err); err != nil && !ended && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

func (sh *remoteShell) runs(script string, out, complaint *boundedBuffer) error {
	if _, err := fmt.Fprintf(sh.in, "( %s\n) </dev/null; %s", script, saysMark(sh.mark, "$?")); err != nil {
		return err
	}
	complained := make(chan error, 1)
	go func() {
		_, err := sh.answer(sh.err, complaint)
		complained <- err
	}()
	status, err := sh.answer(sh.out, out)
	if err != nil {
		sh.close()
	}
	if cerr := <-complained; err == nil {
		err = cerr
	}
	sh.greeted = true
	if err == nil && status != 0 {
		err = exitStatus(status)
	}
	return err
}

// answer is what a script says, after what the profile of a login has printed.
func (sh *remoteShell) answer(in *bufio.Reader, to io.Writer) (status int, err error) {
	if !sh.greeted {
		greeting := &boundedBuffer{limit: 4096}
		if _, err := untilMark(in, sh.mark, greeting); err != nil {
			if said := firstLine(greeting.kept.Bytes()); said != "" {
				err = fmt.Errorf("%q: %w", said, err)
			}
			return 0, err
		}
	}
	return untilMark(in, sh.mark, to)
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
