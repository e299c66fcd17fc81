// Package routertest is a MikroTik router for tests: a model of its configuration that
// answers over SSH, the API and REST as RouterOS does, misbehaviour included.
package routertest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// A Router is one. Its fields are set before anybody connects.
type Router struct {
	User, Password string
	// Refuse answers a line or a command of the API instead of the router; empty: it
	// does not.
	Refuse func(command string) string
	// Hangs reports at which line or command the connection is cut before it is run, as
	// by a restart.
	Hangs func(command string) bool
	// Asks is what the console asks before its first prompt.
	Asks string
	// Hijacked reports that somebody else is in safe mode.
	Hijacked bool
	NoSafe   bool   // the console has no safe mode
	Serial   string // of the board; empty: it is no board
	Tracked  int    // connections of all kinds, with Most of them at a time
	Most     int

	mu     sync.Mutex
	cfg    *routeros.Config
	typed  []string // lines and commands that change something
	logins int
	keys   string // typed in answer to questions
}

// New is a router with this configuration.
func New(t testing.TB, export string) *Router {
	t.Helper()
	cfg, err := routeros.Read([]byte(export))
	if err != nil {
		t.Fatal(err)
	}
	return &Router{User: "admin", Password: "correct", Tracked: 120, Most: 65536, cfg: cfg}
}

// Connect adds connections that the router tracks.
func (r *Router) Connect(rows ...map[string]string) {
	r.cfg.Refresh(routeros.MenuRows{Path: "/ip/firewall/connection", Rows: rows})
}

// Export is the configuration as it is now.
func (r *Router) Export() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cfg.Export()
}

// ExportLocked is Export, for Refuse and Hangs.
func (r *Router) ExportLocked() string { return r.cfg.Export() }

// Change is somebody else, who types a line.
func (r *Router) Change(t testing.TB, line string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.cfg.Console().Type(line); err != nil {
		t.Fatal(err)
	}
}

// Typed are the commands that were to change something, in order.
func (r *Router) Typed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.typed)
}

// Logins counts the attempts to log in.
func (r *Router) Logins() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.logins
}

// Keys are those that answered questions of the console.
func (r *Router) Keys() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keys
}

func (r *Router) login(user, password string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logins++
	user, _, _ = strings.Cut(user, "+")
	return user == r.User && password == r.Password
}

// ending is the command that says that a line was run.
var ending = regexp.MustCompile(`^(.*); (:put \([^)]*\))$`)

var errCut = errors.New("the connection is cut")

// line runs a line of the console and returns what it shows; errCut where the connection
// ends instead.
func (r *Router) line(line string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first, put := line, ""
	if m := ending.FindStringSubmatch(line); m != nil {
		first, put = m[1], m[2]
	}
	if r.Hangs != nil && r.Hangs(first) {
		return "", errCut
	}
	if r.Refuse != nil {
		if says := r.Refuse(first); says != "" {
			return says + "\n", nil
		}
	}
	out, err := r.run(first)
	if err == nil {
		var more string
		more, err = r.cfg.Console().Type(put)
		out += more
	}
	if err != nil {
		out += strings.ReplaceAll(err.Error(), "\n", " ") + "\n"
	}
	return out, nil
}

func (r *Router) run(line string) (string, error) {
	six := r.cfg.Version.Below("7")
	switch line {
	case "/system resource print":
		return fmt.Sprintf("%24s: %s\n%24s: %s (stable)\n%24s: %s\n\n", "uptime", "3d4h", "version", r.cfg.Version.Text, "board-name", r.cfg.Model), nil
	case "/ip firewall service-port export verbose terse":
		return r.verbose("/ip/firewall/service-port"), nil
	case "/ip firewall connection tracking export verbose terse":
		return r.verbose("/ip/firewall/connection/tracking"), nil
	case ":put [/system routerboard get serial-number]":
		if r.Serial == "" {
			return "", errors.New("bad command name routerboard (line 1 column 15)")
		}
		return r.Serial + "\n", nil
	case "/export terse":
		if six {
			return "", errors.New("secrets are shown")
		}
		return r.terse(), nil
	case "/export terse hide-sensitive":
		if !six {
			return "", errors.New("expected end of command (line 1 column 15)")
		}
		return r.terse(), nil
	}
	if !strings.Contains(line, " print") && !strings.HasPrefix(line, ":put ") {
		r.typed = append(r.typed, line)
	}
	out, err := r.cfg.Console().Type(line)
	if line == "/ip firewall connection tracking print" {
		out += fmt.Sprintf("%24s: %d\n%24s: %d\n", "max-entries", r.Most, "total-entries", r.Tracked)
	}
	return out, err
}

// verbose is a menu with its defaults, a line for each command.
func (r *Router) verbose(path string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# 2026-11-29 10:00:00 by RouterOS %s\n", r.cfg.Version.Text)
	rows := slices.Collect(r.cfg.Rows(path))
	if r.cfg.Menu(path).HoldsSettings() {
		rows = []routeros.Row{r.cfg.Settings(path)}
	}
	for _, row := range rows {
		b.WriteString(strings.ReplaceAll(path, "/", " ")[1:] + " set ")
		if name := row.Get("name").Text; name != "" {
			b.WriteString(routeros.Quote(name) + " disabled=" + row.Get("disabled").Text)
		}
		for _, p := range row.Shown() {
			if p.Name != "name" {
				b.WriteString(" " + p.Name + "=" + routeros.Quote(p.Value))
			}
		}
		b.WriteString("\n")
	}
	return strings.ReplaceAll(b.String(), "ip firewall", "/ip firewall")
}

// terse is the configuration with a line for each command.
func (r *Router) terse() string {
	var b strings.Builder
	menu := ""
	for line := range strings.Lines(r.cfg.Export()) {
		switch {
		case strings.HasPrefix(line, "/"):
			menu = strings.TrimSpace(line)
		case strings.HasPrefix(line, "#"):
			b.WriteString(line)
		default:
			b.WriteString(menu + " " + line)
		}
	}
	return b.String()
}
