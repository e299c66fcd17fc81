//go:build !linux

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// Reentered reports whether Enter started this process.
func Reentered() bool { return false }

// Enter says that this system has no network namespaces.
func Enter(context.Context) (inside bool, exit int, err error) {
	return false, 0, notHere()
}

// EnterFed says so too.
func EnterFed(context.Context, []byte) (inside bool, exit int, err error) {
	return false, 0, notHere()
}

func notHere() error {
	return fmt.Errorf("%w: network namespaces are a Linux feature and this is %s", ErrUnavailable, runtime.GOOS)
}

func shape([]Shaper) error { return notHere() }

// Shapes says that this system shapes no traffic.
func Shapes() bool { return false }

type namespace struct{}

func (o *Office) build(context.Context, *plan) (map[string]*Node, error) { return nil, notHere() }

// Do says that this system has no network namespaces.
func (n *Node) Do(func() error) error { return notHere() }

func (ns *namespace) prepare(*exec.Cmd) {}

func (n *Node) start(*exec.Cmd) error { return notHere() }

func detach(*exec.Cmd) {}

func endingSignal(*os.ProcessState) int { return 0 }
