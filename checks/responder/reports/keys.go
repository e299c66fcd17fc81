package reports

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// MaxSites is how many sites one responder takes reports of.
const MaxSites = 2000

// keysFile holds a line for each site: its name and its key. A line that is taken
// out shuts the site out, a second later.
const keysFile = "keys"

// What NewSite refuses.
var (
	ErrSiteExists   = errors.New("there is such a site already")
	ErrTooManySites = errors.New("there are as many sites as one responder takes")
)

// NewSite makes the key of a new site in the directory of a responder, which may be
// running. Names that differ only in case are one: some file systems think so.
func NewSite(dir, name string) (Key, error) {
	unlock, err := lock(dir, ".keys-lock")
	if err != nil {
		return Key{}, err
	}
	defer unlock()
	raw, err := readKeys(dir)
	if err != nil {
		return Key{}, err
	}
	keys, err := parseKeys(raw)
	if err != nil {
		return Key{}, err
	}
	for known := range keys {
		if strings.EqualFold(known, name) {
			return Key{}, ErrSiteExists
		}
	}
	if len(keys) >= MaxSites {
		return Key{}, ErrTooManySites
	}
	key := NewKey()
	if n := len(raw); n > 0 && raw[n-1] != '\n' {
		raw = append(raw, '\n')
	}
	// Comments stay: a line may have been made one to shut its site out for a while.
	return key, platform.Keep(dir, keysFile, append(raw, name+" "+key.Hex()+"\n"...))
}

// lock waits a moment for another program that holds it.
func lock(dir, name string) (unlock func(), err error) {
	for range 20 {
		if unlock, err = platform.Lock(dir, name); !errors.Is(err, platform.ErrLocked) {
			return unlock, err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, err
}

// readKeys reads the keys file; without one there are no sites.
func readKeys(dir string) ([]byte, error) {
	raw, err := platform.ReadKept(dir, keysFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return raw, err
}

func parseKeys(raw []byte) (map[string]Key, error) {
	keys, at := map[string]Key{}, 0
	for line := range strings.Lines(string(raw)) {
		at++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 || !ValidSite(fields[0]) {
			return nil, badKeys(at)
		}
		key, ok := ParseKey(fields[1])
		if _, twice := keys[fields[0]]; !ok || twice || len(keys) == MaxSites {
			return nil, badKeys(at)
		}
		keys[fields[0]] = key
	}
	return keys, nil
}

func badKeys(line int) error {
	return fmt.Errorf("%s, line %d: not a site's name and its key, or a site too many", keysFile, line)
}

// keyring is the keys file as it was last read.
type keyring struct {
	dir    string
	raw    []byte
	keys   map[string]Key
	looked time.Time
}

// look reads the file again, at most once a second. What cannot be read leaves the
// keys as they were.
func (k *keyring) look(now time.Time) error {
	if d := now.Sub(k.looked); !k.looked.IsZero() && d >= 0 && d < time.Second {
		return nil
	}
	k.looked = now
	raw, err := readKeys(k.dir)
	if err != nil || k.keys != nil && bytes.Equal(raw, k.raw) {
		return err
	}
	keys, err := parseKeys(raw)
	if err != nil {
		return err
	}
	k.keys, k.raw = keys, raw
	return nil
}
