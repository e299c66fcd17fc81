package platform

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// ErrNoAnswer means that a program or a server of this machine was asked and
// did not answer in time. What it knows is unknown, which is not the same as
// nothing.
var ErrNoAnswer = errors.New("no answer")

// socketPatience is how long a server may take to answer one question on its
// local socket: fail2ban needs some 0.3 ms, a busy one a second.
const socketPatience = 2 * time.Second

// conversationPatience bounds all the questions of one Exchange: a server that
// answers each of them just in time would hold the user up all the same.
const conversationPatience = 6 * time.Second

// programPatience is how long a program may take to answer. A person waits for the
// whole of it, and a program that hangs (on D-Bus, on a server that is stuck)
// must cost little of that.
func programPatience(program string) time.Duration {
	switch {
	case listsRules(program):
		return 10 * time.Second // 100,000 rules take some seconds on a small machine
	case program == "firewall-cmd", program == "fwconsole", program == "journalctl":
		return 5 * time.Second // starts Python or PHP, or reads a large journal
	}
	return 3 * time.Second
}

// listsRules reports whether a program reads the packet filter. There are six of
// them, and what one of them waits for in the kernel the others wait for too.
func listsRules(program string) bool {
	return strings.HasSuffix(program, "-save") || program == "nft" || program == "ipset"
}

// impatience is what a program that lists rules gets once another one hung.
const impatience = 2 * time.Second

// patienceFor is programPatience, after what was seen of the others.
func (s *stuck) patienceFor(program string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if listsRules(program) {
		for name, at := range s.since {
			if listsRules(name) && time.Since(at) < forgetStuck {
				return impatience
			}
		}
	}
	return programPatience(program)
}

// forgetStuck is after what time a program that hung is asked again: not
// within a run, which asks some of them twenty times, but in the next one, when
// somebody may have restarted it.
const forgetStuck = 30 * time.Second

// stuck are the programs and sockets that did not answer, so that each costs
// its patience only once. The zero value is empty.
type stuck struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// check returns an error for one that did not answer a moment ago.
func (s *stuck) check(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.since[name]; ok && time.Since(at) < forgetStuck {
		return fmt.Errorf("%w a moment ago, so it was not asked again", ErrNoAnswer)
	}
	return nil
}

// learn takes note of err.
func (s *stuck) learn(name string, err error) {
	if !errors.Is(err, ErrNoAnswer) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since == nil {
		s.since = map[string]time.Time{}
	}
	s.since[name] = time.Now()
}
