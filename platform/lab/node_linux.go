package lab

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// threadNet is the network namespace of the calling thread, whichever process
// numbering /proc was mounted with.
const threadNet = "/proc/thread-self/ns/net"

// A namespace is held by a thread of its own, which is born in it and starts
// the node's commands: the kernel ties a child's fate to the thread that
// started it, so that thread has to live as long as the node.
type namespace struct {
	net    netns.NsHandle
	jobs   chan func()
	closed chan struct{}
}

// newNode makes a namespace with the private mounts of a node.
func newNode(name string, names map[string][]string) (*Node, error) {
	n := &Node{Name: name, ns: namespace{jobs: make(chan func()), closed: make(chan struct{})}}
	born := make(chan error)
	go n.live(born, names)
	if err := <-born; err != nil {
		return nil, fmt.Errorf("making the namespace of %q: %w", name, err)
	}
	return n, nil
}

// live is the node's thread. It never unlocks, so the thread ends with it.
func (n *Node) live(born chan<- error, names map[string][]string) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The process's first thread cannot end, and /proc/net of the whole
		// process follows it: leave it where it is.
		go n.live(born, names)
		<-n.ns.closed
		runtime.UnlockOSThread()
		return
	}
	if err := n.ns.enter(names); err != nil {
		born <- err
		return
	}
	close(born)
	for {
		select {
		case job := <-n.ns.jobs:
			job()
		case <-n.ns.closed:
			return
		}
	}
}

// enter moves the calling thread into new network and mount namespaces.
func (ns *namespace) enter(names map[string][]string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unsharing network and mounts: %w", err)
	}
	h, err := netns.GetFromPath(threadNet)
	if err != nil {
		return fmt.Errorf("opening %s: %w", threadNet, err)
	}
	ns.net = h
	if err := privateMounts(names); err != nil {
		_ = h.Close()
		return err
	}
	return nil
}

// shut ends the node's thread, and with it the node's commands.
func (n *Node) shut() {
	close(n.ns.closed)
	_ = n.ns.net.Close()
}

// Do runs fn on a thread that is in the node's network. Goroutines that fn
// starts are not in it; sockets that fn opens stay in it. Files are
// the host's. Do may be called concurrently.
func (n *Node) Do(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("the function in the node never returned")
		defer func() { done <- err }() // also when fn ends its goroutine
		runtime.LockOSThread()
		home, herr := netns.GetFromPath(threadNet)
		if herr != nil {
			runtime.UnlockOSThread()
			err = fmt.Errorf("opening %s: %w", threadNet, herr)
			return
		}
		defer func() {
			// A thread that cannot go home ends with its goroutine.
			if netns.Set(home) == nil {
				runtime.UnlockOSThread()
			}
			_ = home.Close()
		}()
		if serr := netns.Set(n.ns.net); serr != nil {
			err = fmt.Errorf("entering %q: %w", n.Name, serr)
			return
		}
		err = fn()
	}()
	return <-done
}

// prepare ties the command's life to the node's thread.
func (ns *namespace) prepare(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// start starts c from the node's thread.
func (n *Node) start(c *exec.Cmd) error {
	result := make(chan error, 1)
	job := func() { result <- c.Start() }
	select {
	case n.ns.jobs <- job:
		return <-result
	case <-n.ns.closed:
		return errNodeClosed
	}
}
