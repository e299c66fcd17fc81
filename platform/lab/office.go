package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrUnavailable means that this machine cannot build an office: it is not
// Linux, or its kernel, container or security policy forbids namespaces. The
// error that wraps it says which. Callers fall back to the office in memory,
// or skip.
var ErrUnavailable = errors.New("the kernel lab is not available here")

// An Office is a scenario that stands: every box is a network namespace that
// is reachable from no other place than the boxes it is wired to. Close takes
// it down; so does the end of the process, however it ends, because nothing of
// it has a name on the host.
type Office struct {
	Scenario   Scenario
	Servers    Servers
	Phone      *Node   // where check runs
	Routers    []*Node // from the office outwards, like Scenario.Routers
	Internet   *Node   // the provider's router between the office and the servers
	Responder  *Node   // ResponderAddr and ResponderAddr2
	SIPServer  *Node   // SIPServerAddr
	STUNServer *Node   // STUNServerAddr
	Ends       []*Node // of a site: what is at the other end of each port

	names map[string][]string
	close sync.Once
	done  []func() // in reverse order
}

// Build makes the namespaces of s and wires them. It needs the rights that
// Enter gives. The caller closes the office.
func Build(ctx context.Context, s Scenario) (*Office, error) {
	if s.rewritesSIP() {
		if err := proveHelper(ctx); err != nil {
			return nil, err
		}
	}
	return raise(ctx, s)
}

// raise is Build without the question whether the kernel's helper works.
func raise(ctx context.Context, s Scenario) (*Office, error) {
	p, err := newPlan(s)
	if err != nil {
		return nil, err
	}
	o := &Office{Scenario: s, Servers: usualServers()}
	nodes, err := o.build(ctx, p)
	if err != nil {
		o.Close()
		return nil, fmt.Errorf("building the office %q: %w", s.Name, err)
	}
	o.name(nodes)
	return o, nil
}

// name says which of the nodes is which.
func (o *Office) name(nodes map[string]*Node) {
	o.Phone, o.Internet = nodes[phoneNode], nodes[internetNode]
	o.Responder, o.SIPServer, o.STUNServer = nodes[responderNode], nodes[sipNode], nodes[stunNode]
	for i := 0; nodes[routerNode(i)] != nil; i++ {
		o.Routers = append(o.Routers, nodes[routerNode(i)])
	}
}

// Close takes the office down. Commands that still run in it are killed. It
// may be called more than once.
func (o *Office) Close() {
	o.close.Do(func() {
		for i := len(o.done) - 1; i >= 0; i-- {
			o.done[i]()
		}
	})
}

func (o *Office) onClose(f func()) { o.done = append(o.done, f) }

// Find returns the scenario with that name.
func Find(name string) (Scenario, bool) {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}
