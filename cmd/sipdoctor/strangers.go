package main

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
)

// Whoever is at work on a router runs check again and again. A PBX that counts what
// strangers ask is remembered, so that all those runs count as one.
const (
	strangersFile = "strangers.json"
	// strangersLife is how long it is believed: fail2ban looks back ten minutes by
	// default, and an office that was let in meanwhile is to be seen as that.
	strangersLife = time.Hour
	maxStrangers  = 100
)

// keptStrangers are the SIP servers that asked this machine for a password, and when. A
// file that cannot be read is as good as none.
func keptStrangers(now time.Time) map[netip.Addr]time.Time {
	kept := map[netip.Addr]time.Time{}
	if raw, err := platform.ReadKept(platform.ServiceStateDir(), strangersFile); err == nil && (json.Unmarshal(raw, &kept) != nil || kept == nil) {
		return map[netip.Addr]time.Time{}
	}
	for a, since := range kept {
		if age := now.Sub(since); age < 0 || age >= strangersLife { // the clock may have been set
			delete(kept, a)
		}
	}
	return kept
}

// knownManners is what the last runs on this machine learnt of SIP servers.
func knownManners(now time.Time) *checks.Manners {
	m := checks.NewManners()
	for a := range keptStrangers(now) {
		m.AddStranger(a)
	}
	return m
}

// keepManners keeps what a run has learnt. Where nothing can be kept, the next run
// learns it again.
func keepManners(m *checks.Manners, now time.Time) {
	kept, learnt := keptStrangers(now), false
	for _, a := range m.Strangers() {
		if _, known := kept[a]; !known && len(kept) < maxStrangers {
			kept[a], learnt = now.UTC(), true
		}
	}
	if raw, err := json.Marshal(kept); err == nil && learnt {
		_ = platform.Keep(platform.ServiceStateDir(), strangersFile, append(raw, '\n'))
	}
}
