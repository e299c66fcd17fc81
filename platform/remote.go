package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sipdoctor/sipdoctor/platform/command"
)

// Remote is a machine that is read over SSH. It needs a POSIX shell there, and nothing
// else: programs that are not installed are missing, as they are on a machine that the
// program runs on. Nothing is written there.
type Remote struct {
	ssh    *ssh.Client
	ahead  time.Duration // of the machine's clock before ours
	client netip.Addr    // the address that this machine has there
	root   bool
	sudo   bool              // everything is read through "sudo -n"
	idle   chan *remoteShell // that nobody uses
	fresh  chan struct{}     // one for each shell that may be started
	places chan struct{}     // one for each channel beside them that may be open
	stuck  stuck
	// silence is after what time a machine that runs a command is asked whether it is still
	// there, and how long it may take to say so.
	silence time.Duration
}

const (
	// OpenSSH allows 10 sessions at a time (MaxSessions).
	maxShells   = 4
	maxChannels = 4
	// Exit statuses of the scripts below, beside those of the shell itself.
	exitMissing    = 40
	exitNotRegular = 41
	exitDenied     = 42

	exitCannotRun = 126 // POSIX, 2.8.2
	exitNoProgram = 127
)

// newRemote looks who we are there.
func newRemote(ctx context.Context, c *ssh.Client) (*Remote, error) {
	r := &Remote{ssh: c, idle: make(chan *remoteShell, maxShells), fresh: make(chan struct{}, maxShells), places: make(chan struct{}, maxChannels), silence: sshPatience}
	for range maxShells {
		r.fresh <- struct{}{}
	}
	out, err := r.script(ctx, limits{output: 1 << 10, patience: sshPatience}, `echo "$(id -u) $(date +%s)"; echo "${SSH_CLIENT%% *}"; sudo -n true 2>/dev/null && echo sudo; :`)
	lines := append(strings.Split(string(out), "\n"), "", "")
	id, clock, ok := strings.Cut(lines[0], " ")
	if err != nil || !ok {
		if err == nil {
			err = errors.New(firstLine(out))
		}
		return nil, fmt.Errorf("no POSIX shell answers there: %w", err)
	}
	r.root = id == "0"
	if seconds, err := strconv.ParseInt(clock, 10, 64); err == nil {
		r.ahead = time.Until(time.Unix(seconds, 0)).Truncate(time.Second)
	}
	r.client, _ = netip.ParseAddr(lines[1])
	if !r.root && lines[2] == "sudo" {
		r.root, r.sudo = true, true
	}
	return r, nil
}

// Close hangs up.
func (r *Remote) Close() error { return r.ssh.Close() }

// Now is the time of that machine's clock.
func (r *Remote) Now() time.Time { return time.Now().Add(r.ahead) }

// Root reports whether everything may be read there.
func (r *Remote) Root() bool { return r.root }

// Live is true: what is not found is not there.
func (r *Remote) Live() bool { return true }

// Run runs a program there.
func (r *Remote) Run(ctx context.Context, program string, args ...string) ([]byte, error) {
	return r.run(ctx, limits{output: maxReport, patience: r.stuck.patienceFor(program)}, "", program, args...)
}

// run does so behind what gives it its input.
func (r *Remote) run(ctx context.Context, limit limits, input, program string, args ...string) ([]byte, error) {
	line := commandLine(program, args)
	err := r.stuck.check(program)
	var out []byte
	if err == nil {
		out, err = r.script(ctx, limit, input+r.as()+command.Quote(append([]string{program}, args...)...))
		r.stuck.learn(program, err)
	}
	switch status(err) {
	case exitNoProgram:
		err = fs.ErrNotExist
	case exitCannotRun:
		err = fmt.Errorf("%w: %w", err, fs.ErrPermission)
	}
	if err != nil {
		return out, privilegeOf(fmt.Errorf("running %s: %w", line, err))
	}
	return out, nil
}

// as is what stands before a program.
func (r *Remote) as() string {
	if r.sudo {
		return `exec sudo -n env PATH="$PATH" LC_ALL=C LANG=C `
	}
	return "exec "
}

// sh wraps a script that reads files.
func (r *Remote) sh(script string) string {
	if r.sudo {
		return "exec sudo -n sh -c " + command.Quote(script)
	}
	return script
}

// script runs a line of shell and returns what it printed, as runProgram does.
func (r *Remote) script(ctx context.Context, limit limits, line string) ([]byte, error) {
	begin := time.Now()
	limited, cancel := context.WithTimeout(ctx, limit.patience)
	defer cancel()
	out, complaint := &boundedBuffer{limit: limit.output}, &boundedBuffer{limit: 4096}
	err := r.inShell(limited, func(sh *remoteShell) error { return sh.run(limited, line, out, complaint) })
	if err = failed(ctx, limited, begin, err, complaint); err == nil && out.full {
		err = fmt.Errorf("more than %d bytes of output", limit.output)
	}
	return out.kept.Bytes(), err
}

// inShell lends a shell that nobody uses, or starts one.
func (r *Remote) inShell(ctx context.Context, use func(*remoteShell) error) error {
	sh, err := r.shell(ctx)
	if err != nil {
		return err
	}
	err = use(sh)
	if _, ended := errors.AsType[exitStatus](err); err != nil && !ended { // it may be in the middle of something
		sh.close()
		r.fresh <- struct{}{}
		return err
	}
	r.idle <- sh
	return err
}

func (r *Remote) shell(ctx context.Context) (*remoteShell, error) {
	select {
	case sh := <-r.idle:
		return sh, nil
	default:
	}
	select {
	case sh := <-r.idle:
		return sh, nil
	case <-r.fresh:
		sh, err := r.startShell(ctx)
		if err != nil {
			r.fresh <- struct{}{}
		}
		return sh, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// place waits until one more channel may be opened.
func (r *Remote) place(ctx context.Context) (release func(), err error) {
	select {
	case r.places <- struct{}{}:
		return sync.OnceFunc(func() { <-r.places }), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Glob lists paths there. The shell expands the pattern; what it does otherwise than
// path.Match is left out.
func (r *Remote) Glob(pattern string) ([]string, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, err
	}
	// A wildcard does not stand for the dot at the beginning of a name, and nothing of
	// this program looks for such names.
	script := "for f in " + globbed(pattern) + `; do if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\0' "$f"; fi; done`
	out, err := r.script(context.Background(), limits{output: 16 << 20, patience: sshPatience}, r.sh(script))
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", pattern, err)
	}
	list := slices.DeleteFunc(strings.Split(string(out), "\x00"), func(name string) bool {
		ok, _ := path.Match(pattern, name)
		return !ok
	})
	slices.Sort(list)
	return list, nil
}

// globbed is a pattern of path.Match for the shell: nothing but wildcards means
// anything there.
func globbed(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case strings.IndexByte("*?[]-", c) >= 0:
			b.WriteByte(c)
		case c == '^' && i > 0 && pattern[i-1] == '[':
			b.WriteByte('!') // the shell's sign for "none of these"
		default:
			if c == '\\' && i+1 < len(pattern) {
				i++
			}
			b.WriteString("'" + strings.ReplaceAll(pattern[i:i+1], "'", `'\''`) + "'")
		}
	}
	return b.String()
}

// Exchange asks a server of that machine, over its socket or through its program.
func (r *Remote) Exchange(ctx context.Context, x Exchange) ([]Answer, error) {
	if len(x.Command) > 0 {
		// Its complaints belong to its answers.
		input := "exec 2>&1; printf %s " + command.Quote(string(x.input())) + " | "
		out, err := r.run(ctx, limits{output: x.Limit, patience: r.stuck.patienceFor(x.Program)}, input, x.Program, x.Command...)
		if err != nil {
			return nil, err
		}
		return x.answers(out)
	}
	_, err := r.script(ctx, limits{output: 1 << 10, patience: sshPatience}, r.sh("[ -S "+command.Quote(x.Socket)+" ] || exit "+strconv.Itoa(exitMissing)))
	if status(err) == exitMissing {
		err = fs.ErrNotExist
	}
	var answers []Answer
	if err == nil {
		answers, err = converse(ctx, x, r.dial)
	}
	if err != nil {
		return nil, privilegeOf(fmt.Errorf("asking %s: %w", x.Socket, err))
	}
	return answers, nil
}

// dial connects to a socket there.
func (r *Remote) dial(ctx context.Context, network, address string) (net.Conn, error) {
	release, err := r.place(ctx)
	if err != nil {
		return nil, err
	}
	c, err := r.ssh.DialContext(ctx, network, address)
	if err != nil {
		release()
		if _, refused := errors.AsType[*ssh.OpenChannelError](err); refused && !r.root {
			err = fmt.Errorf("%w: %w", err, fs.ErrPermission)
		}
		return nil, err
	}
	return &remoteConn{Conn: c, in: readable(c, nil), release: release}, nil
}

// remoteConn is a channel with deadlines, which channels of SSH do not have: when one
// is over, it hangs up.
type remoteConn struct {
	net.Conn
	in      *io.PipeReader
	release func()
	mu      sync.Mutex
	timer   *time.Timer
}

func (c *remoteConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.timer = time.AfterFunc(time.Until(t), func() { _ = c.hangUp() }) // a Read says so
	return nil
}

func (c *remoteConn) Read(b []byte) (int, error) { return c.in.Read(b) }

func (c *remoteConn) hangUp() error {
	_ = c.in.Close() // never fails
	return c.Conn.Close()
}

func (c *remoteConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.release()
	return c.hangUp()
}

// status is the exit status that a script ended with; 0 where it ended otherwise.
func status(err error) int {
	e, _ := errors.AsType[exitStatus](err)
	return int(e)
}
