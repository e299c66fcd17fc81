package routertest

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"crypto/tls"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// serve accepts connections until the test ends, and then ends them.
func serve(t testing.TB, config *tls.Config, talk func(net.Conn)) (port uint16) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = uint16(l.Addr().(*net.TCPAddr).Port)
	if config != nil {
		l = tls.NewListener(l, config)
	}
	var mu sync.Mutex
	var open []net.Conn
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			c.Close()
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			go func() { defer c.Close(); talk(c) }()
		}
	}()
	return port
}

// An ask is a command of the API.
type ask struct {
	menu, verb string
	fields     []routeros.Prop
	only       []string
	where      routeros.Prop
}

func (a ask) String() string {
	var b strings.Builder
	b.WriteString(a.menu + "/" + a.verb)
	for _, f := range a.fields {
		fmt.Fprintf(&b, " %s=%s", f.Name, f.Value)
	}
	return b.String()
}

// call runs a command of the API. An error is its refusal, or errCut.
func (r *Router) call(a ask) ([]map[string]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Hangs != nil && r.Hangs(a.String()) {
		return nil, errCut
	}
	if r.Refuse != nil {
		if says := r.Refuse(a.String()); says != "" {
			return nil, errors.New(says)
		}
	}
	switch {
	case a.menu == "/system/resource":
		return []map[string]string{{"version": r.cfg.Version.Text + " (stable)", "board-name": r.cfg.Model}}, nil
	case a.menu == "/system/routerboard" && r.Serial != "":
		return []map[string]string{{"serial-number": r.Serial}}, nil
	case a.verb == "print":
		return r.list(a)
	}
	r.typed = append(r.typed, a.String())
	line := strings.ReplaceAll(a.menu, "/", " ")
	line = "/" + strings.TrimSpace(line) + " " + a.verb
	for _, f := range a.fields {
		switch {
		case f.Name == ".id" || f.Name == "numbers":
			line += " " + f.Value
		default:
			line += " " + f.Name + "=" + routeros.Quote(f.Value)
		}
	}
	_, err := r.cfg.Console().Type(line)
	return nil, err
}

// list are the items of a menu.
func (r *Router) list(a ask) (out []map[string]string, err error) {
	if a.menu == "/interface" {
		return r.interfaces(), nil
	}
	known := slices.ContainsFunc(routeros.WantedMenus(), func(w routeros.Wanted) bool { return w.Path == a.menu })
	if !known && a.menu != "/ip/firewall/connection" {
		return nil, errors.New("no such command prefix")
	}
	rows := slices.Collect(r.cfg.Rows(a.menu))
	settings := r.cfg.Menu(a.menu).HoldsSettings()
	if settings {
		rows = []routeros.Row{r.cfg.Settings(a.menu)}
	}
	for _, row := range rows {
		e := map[string]string{".id": row.String(), "dynamic": fmt.Sprint(row.Dynamic), "invalid": fmt.Sprint(row.Invalid), "disabled": fmt.Sprint(row.Off())}
		for _, p := range row.Shown() {
			e[p.Name] = apiValue(p)
		}
		if text := row.Get("comment").Text; text != "" {
			e["comment"] = text
		}
		if settings {
			delete(e, ".id")
			delete(e, "disabled")
		}
		if a.menu == "/ip/firewall/connection/tracking" {
			e["max-entries"], e["total-entries"] = fmt.Sprint(r.Most), fmt.Sprint(r.Tracked)
		}
		if a.where.Name != "" && e[a.where.Name] != a.where.Value {
			continue
		}
		for name := range e {
			if len(a.only) > 0 && !slices.Contains(a.only, name) {
				delete(e, name)
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// apiValue is how the API shows what is yes or no.
func apiValue(p routeros.Prop) string {
	if v, ok := map[string]string{"yes": "true", "no": "false"}[p.Value]; ok && p.Name != "add-default-route" && p.Name != "enabled" {
		return v
	}
	return p.Value
}

func (r *Router) interfaces() (out []map[string]string) {
	for m := range r.cfg.Menus() {
		kind, ok := strings.CutPrefix(m.Path, "/interface/")
		if !ok || strings.Contains(kind, "/") || kind == "list" {
			continue
		}
		for row := range r.cfg.Rows(m.Path) {
			if name := row.Get("name").Text; name != "" {
				out = append(out, map[string]string{".id": row.String(), "name": name, "type": kind, "dynamic": "false", "disabled": fmt.Sprint(row.Off())})
			}
		}
	}
	return out
}
