package main

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform"
)

// strangersFile has the SIP servers that asked this machine for a password, and when.
// Whoever is at work on a router runs check again and again, and a PBX that counts what
// strangers ask is to count all those runs as one.
const strangersFile = "strangers.json"

// knownManners is what the last runs on this machine learnt of SIP servers. A file that
// cannot be read is as good as none.
func knownManners() *checks.Manners {
	m := checks.NewManners()
	var kept map[netip.Addr]time.Time
	raw, err := platform.ReadKept(platform.ServiceStateDir(), strangersFile)
	if err != nil || json.Unmarshal(raw, &kept) != nil {
		return m
	}
	for a, since := range kept {
		m.AddStranger(a, since)
	}
	return m
}

// keepManners keeps what a run has learnt. Where nothing can be kept, the next run
// learns it again.
func keepManners(m *checks.Manners) {
	kept := knownManners().Strangers()
	learnt := false
	for a, since := range m.Strangers() {
		if was, known := kept[a]; !known || since.After(was) {
			kept[a], learnt = since, true
		}
	}
	if raw, err := json.Marshal(kept); err == nil && learnt {
		_ = platform.Keep(platform.ServiceStateDir(), strangersFile, append(raw, '\n'))
	}
}
