package main

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

func TestAServerThatCountsStrangersIsRememberedForAnHour(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sipdoctor")
	t.Setenv("STATE_DIRECTORY", dir)
	a, b := netip.MustParseAddr("198.51.100.20"), netip.MustParseAddr("2001:db8::20")
	learn := func(list map[netip.Addr]time.Time) {
		m := checks.NewManners()
		for x, since := range list {
			m.AddStranger(x, since)
		}
		keepManners(m)
	}
	learn(nil)
	if _, err := os.Stat(dir); err == nil {
		t.Error("a file is kept of nothing")
	}
	now := time.Now().UTC().Round(0)
	list := map[netip.Addr]time.Time{a: now.Add(-59 * time.Minute), b: now}
	learn(map[netip.Addr]time.Time{a: list[a]})
	learn(list)
	if got := knownManners().Strangers(); !maps.EqualFunc(got, list, time.Time.Equal) {
		t.Errorf("%v, want %v", got, list)
	}
	for name, text := range map[string]string{
		"an hour ago": `{"198.51.100.20": "` + now.Add(-time.Hour).Format(time.RFC3339Nano) + `"}`,
		"to come":     `{"198.51.100.20": "` + now.Add(time.Minute).Format(time.RFC3339Nano) + `"}`,
		"cut":         "{", "a time that is none": `{"198.51.100.20": "y"}`, "an address that is none": `{"x": "` + now.Format(time.RFC3339) + `"}`,
		"a list": "[]", "null": "null", "empty": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, strangersFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := knownManners().Strangers(); len(got) > 0 {
			t.Errorf("%s is read as %v", name, got)
		}
	}
	learn(map[netip.Addr]time.Time{b: now})
	if got := knownManners().Strangers(); len(got) != 1 || !got[b].Equal(now) {
		t.Errorf("after a damaged file: %v", got)
	}
}
