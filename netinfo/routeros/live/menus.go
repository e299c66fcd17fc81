package live

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/mikrotik"
)

// A Lister shows the items of menus and runs commands on them: the API, or REST.
type Lister interface {
	List(ctx context.Context, menu string, q mikrotik.Query) ([]mikrotik.Entry, error)
	Do(ctx context.Context, menu, verb string, fields []mikrotik.Field) error
}

// Menus is a router that is reached by its API, which neither exports nor takes lines: a
// line is run on a model of the router first, and then what it would change is done.
type Menus struct {
	Lister
	cfg *routeros.Config // as it was read last
}

// Export is the configuration, as far as its menus can be read one by one, without
// passwords and keys. Its first lines name these menus.
func (m *Menus) Export(ctx context.Context) ([]byte, error) {
	if err := m.read(ctx); err != nil {
		return nil, err
	}
	return []byte(m.cfg.Verbose()), nil
}

func (m *Menus) read(ctx context.Context) error {
	resource, err := m.List(ctx, "/system/resource", mikrotik.Query{Only: []string{"version", "board-name"}})
	switch {
	case err != nil:
		return err
	case len(resource) != 1 || major(resource[0]["version"]) == 0:
		return ErrNoRouterOS
	}
	var menus []routeros.MenuRows
	for _, w := range routeros.WantedMenus() {
		rows, there, err := m.menu(ctx, w)
		if err != nil {
			return fmt.Errorf("reading %s: %w", w.Path, err)
		}
		if there {
			menus = append(menus, rows)
		}
	}
	m.cfg = routeros.FromMenus(resource[0]["version"], resource[0]["board-name"], menus)
	return nil
}

// menu reads one; there is false where the router has none, or does not show it.
func (m *Menus) menu(ctx context.Context, w routeros.Wanted) (rows routeros.MenuRows, there bool, err error) {
	list, err := m.List(ctx, w.Path, mikrotik.Query{Only: w.Only})
	if _, refused := errors.AsType[*mikrotik.Refused](err); refused {
		return rows, false, nil
	}
	rows = routeros.MenuRows{Path: w.Path}
	for _, e := range list {
		rows.Rows = append(rows.Rows, e)
	}
	return rows, err == nil, err
}

// Serial tells the router from all others; empty where it has no such number.
func (m *Menus) Serial(ctx context.Context) (string, error) {
	for _, n := range serials() {
		rows, _, err := m.menu(ctx, routeros.Wanted{Path: n.menu, Only: []string{n.name}})
		if err != nil {
			return "", err
		}
		if len(rows.Rows) == 1 && rows.Rows[0][n.name] != "" {
			return n.name + " " + rows.Rows[0][n.name], nil
		}
	}
	return "", nil
}

// Connections are those that the router tracks; nil where it does not show them.
func (m *Menus) Connections(ctx context.Context) (*routeros.Connections, error) {
	x := &routeros.Connections{}
	helped, err := m.List(ctx, "/ip/firewall/connection", mikrotik.Query{
		Only:  []string{"protocol", "src-address", "dst-address", "timeout", "connection-type"},
		Where: mikrotik.Field{Name: "connection-type", Value: routeros.HelpedBySIP},
	})
	if _, refused := errors.AsType[*mikrotik.Refused](err); refused {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range helped {
		x.Took(func(name string) string { return e[name] })
	}
	tracking, there, err := m.menu(ctx, routeros.Wanted{Path: "/ip/firewall/connection/tracking"})
	if there && len(tracking.Rows) == 1 {
		x.TookTracking(func(name string) string { return tracking.Rows[0][name] })
	}
	return x, err
}

// Type runs a line. What the model refuses, or does not know, is not sent.
func (m *Menus) Type(ctx context.Context, line string) (string, error) {
	if m.cfg == nil {
		if err := m.read(ctx); err != nil {
			return "", err
		}
	}
	for _, path := range routeros.MenusIn(line) {
		rows, there, err := m.menu(ctx, wanted(path))
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", path, err)
		}
		if there {
			m.cfg.Refresh(rows)
		}
	}
	steps, printed, err := m.cfg.Plan(line)
	if err != nil {
		m.cfg = nil // it may have changed
		return printed, err
	}
	for i, s := range steps {
		if err := m.do(ctx, s); err != nil {
			m.cfg = nil
			return printed, &Stopped{Done: i, Err: err}
		}
	}
	return printed, nil
}

// wanted is what to read of a menu.
func wanted(path string) routeros.Wanted {
	if strings.HasSuffix(path, "/firewall/connection") { // there may be a million of them
		return routeros.Wanted{Path: path, Only: []string{".id", "protocol", "src-address", "dst-address", "connection-type"}}
	}
	for _, w := range routeros.WantedMenus() {
		if w.Path == path {
			return w
		}
	}
	return routeros.Wanted{Path: path}
}

// do runs a step. A connection that is gone already has not to be ended.
func (m *Menus) do(ctx context.Context, s routeros.Step) error {
	var fields []mikrotik.Field
	if s.Item != "" {
		fields = append(fields, mikrotik.Field{Name: ".id", Value: s.Item})
	}
	for _, p := range s.Set {
		fields = append(fields, mikrotik.Field{Name: p.Name, Value: p.Value})
	}
	switch {
	case s.Before != "" && s.Verb == "move":
		fields[0].Name = "numbers"
		fields = append(fields, mikrotik.Field{Name: "destination", Value: s.Before})
	case s.Before != "":
		fields = append(fields, mikrotik.Field{Name: "place-before", Value: s.Before})
	}
	err := m.Do(ctx, s.Menu, s.Verb, fields)
	if _, refused := errors.AsType[*mikrotik.Refused](err); refused && s.Verb == "remove" && s.Menu == "/ip/firewall/connection" {
		if list, lerr := m.List(ctx, s.Menu, mikrotik.Query{Only: []string{".id"}, Where: mikrotik.Field{Name: ".id", Value: s.Item}}); lerr == nil && len(list) == 0 {
			return nil
		}
	}
	return err
}

// Stopped is a line of which only the first changes were made.
type Stopped struct {
	Done int
	Err  error
}

func (s *Stopped) Error() string {
	if s.Done == 0 {
		return s.Err.Error()
	}
	return fmt.Sprintf("after %d changes: %v", s.Done, s.Err)
}

func (s *Stopped) Unwrap() error { return s.Err }
