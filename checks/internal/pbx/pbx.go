// Package pbx reads a PBX from inside, once a run: its packet filter, its
// Asterisk, its routes and sockets. The checks of the PBX share what it read.
package pbx

import (
	"context"
	"sync"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// PBX is one machine with a PBX on it. Its methods may be called concurrently; each reads once.
type PBX struct {
	Sys platform.System

	filter   onceValue[Filter]
	asterisk onceValue[Asterisk]
	routes   onceValue[*Routes]
}

// New returns the PBX that sys is.
func New(sys platform.System) *PBX { return &PBX{Sys: sys} }

// Filter is the loaded packet filter, and what of it could not be read.
type Filter struct {
	Rules  *packetfilter.Ruleset
	Unread []packetfilter.Unread
	Notes  []words.Cause // where the rules of a bundle were found
}

// Asterisk is the state of the server, and what could not be read of it.
type Asterisk struct {
	State *asterisk.State
	Notes []words.Reason
}

// Filter reads the packet filter.
func (p *PBX) Filter(ctx context.Context) Filter {
	return p.filter.get(func() Filter {
		rules, unread := packetfilter.Load(ctx, p.Sys)
		return Filter{rules, unread, platform.FoundAs(p.Sys)}
	})
}

// Asterisk reads Asterisk's configuration and, where it runs, its state.
func (p *PBX) Asterisk(ctx context.Context) Asterisk {
	return p.asterisk.get(func() Asterisk {
		state, notes := asterisk.Read(ctx, p.Sys)
		return Asterisk{state, notes}
	})
}

// onceValue is a value that the first caller reads and all share.
type onceValue[T any] struct {
	once  sync.Once
	value T
}

func (l *onceValue[T]) get(read func() T) T {
	l.once.Do(func() { l.value = read() })
	return l.value
}
