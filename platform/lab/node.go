package lab

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
)

// A Node is one box of an office: a namespace with its own interfaces, routes,
// packet filter and /sys. It is safe for concurrent use until the office is
// closed.
type Node struct {
	Name string // phone, router1, internet, …

	ns namespace
}

// A Cmd is a command that runs on a node. It is an exec.Cmd whose starting
// methods start it there. The command is killed when this process ends, even
// when it crashes, and when the office is closed.
type Cmd struct {
	*exec.Cmd
	node *Node
}

// Command prepares a command on the node. It sees the node's network, names
// (responder.lab, sip.lab, stun.lab, router.lab), an empty /run and the host's
// other files. The end of ctx kills it.
func (n *Node) Command(ctx context.Context, name string, arg ...string) *Cmd {
	c := &Cmd{Cmd: exec.CommandContext(ctx, name, arg...), node: n}
	n.ns.prepare(c.Cmd)
	return c
}

// Start starts the command on its node. Wait waits for it.
func (c *Cmd) Start() error { return c.node.start(c.Cmd) }

// Run starts the command and waits for its end.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the command and returns what it wrote to its standard output.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	return out.Bytes(), err
}

// CombinedOutput runs the command and returns everything it wrote.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

var errNodeClosed = errors.New("the office is closed")
