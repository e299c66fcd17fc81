// Package server reads a PBX from inside, once a run: its packet filter, its
// Asterisk, its routes and sockets. The checks of the PBX share what it read.
package server

import (
	"context"
	"sync"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Server is one PBX. Its methods may be called concurrently; each reads once.
type Server struct {
	Sys platform.System

	filter   lazy[Filter]
	asterisk lazy[Asterisk]
	ways     lazy[*Ways]
}

// New returns the PBX that sys is.
func New(sys platform.System) *Server { return &Server{Sys: sys} }

// Filter is the loaded packet filter, and what of it could not be read.
type Filter struct {
	Rules  *packetfilter.Ruleset
	Unread []packetfilter.Unread
	Notes  []string // where the rules of a bundle were found
}

// Asterisk is the state of the server, and what could not be read of it.
type Asterisk struct {
	State *asterisk.State
	Notes []words.Reason
}

// Filter reads the packet filter.
func (s *Server) Filter(ctx context.Context) Filter {
	return s.filter.get(func() Filter {
		rules, unread := packetfilter.Load(ctx, s.Sys)
		return Filter{rules, unread, platform.FoundAs(s.Sys)}
	})
}

// Asterisk reads Asterisk's configuration and, where it runs, its state.
func (s *Server) Asterisk(ctx context.Context) Asterisk {
	return s.asterisk.get(func() Asterisk {
		state, notes := asterisk.Read(ctx, s.Sys)
		return Asterisk{state, notes}
	})
}

// lazy is a value that is read for the first caller.
type lazy[T any] struct {
	once  sync.Once
	value T
}

func (l *lazy[T]) get(read func() T) T {
	l.once.Do(func() { l.value = read() })
	return l.value
}
