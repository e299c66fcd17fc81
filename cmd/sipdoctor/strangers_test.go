package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/checks"
)

func TestAServerThatCountsStrangersIsRememberedForAnHour(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sipdoctor")
	t.Setenv("STATE_DIRECTORY", dir)
	begin := time.Now()
	a, b := netip.MustParseAddr("198.51.100.20"), netip.MustParseAddr("2001:db8::20")
	learn := func(list ...netip.Addr) {
		m := checks.NewManners()
		for _, x := range list {
			m.AddStranger(x)
		}
		keepManners(m, begin)
	}
	learn()
	if _, err := os.Stat(dir); err == nil {
		t.Error("a file is kept of nothing")
	}
	learn(a)
	learn(a, b)
	for after, want := range map[time.Duration][]netip.Addr{0: {a, b}, 59 * time.Minute: {a, b}, time.Hour: nil, -time.Minute: nil} {
		got := knownManners(begin.Add(after)).Strangers()
		slices.SortFunc(got, netip.Addr.Compare)
		if !slices.Equal(got, want) {
			t.Errorf("after %s: %s, want %s", after, got, want)
		}
	}
	for _, text := range []string{"{", `{"x": "y"}`, "[]", "null", ""} {
		if err := os.WriteFile(filepath.Join(dir, strangersFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := knownManners(begin).Strangers(); len(got) > 0 {
			t.Errorf("%q is read as %s", text, got)
		}
	}
	learn(b)
	if got := knownManners(begin).Strangers(); !slices.Equal(got, []netip.Addr{b}) {
		t.Errorf("after a damaged file: %s", got)
	}
}
