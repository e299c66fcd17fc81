package live

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sipdoctor/sipdoctor/netinfo/routeros"
	"github.com/sipdoctor/sipdoctor/platform/mikrotik"
)

// A Typist takes a line for the console and returns what it printed.
type Typist interface {
	Type(ctx context.Context, line string) (string, error)
}

// Console is a router that is reached by its console.
type Console struct{ Typist }

// Export is the configuration, without passwords and keys. One line a command reads
// best where lines are quoted: /export terse.
func (c Console) Export(ctx context.Context) ([]byte, error) {
	version, err := c.version(ctx)
	if err != nil {
		return nil, err
	}
	line := "/export terse"
	if major(version) < 7 {
		line += " hide-sensitive" // version 7 does so unless it is told otherwise
	}
	out, err := c.Type(ctx, line)
	if err != nil {
		return nil, fmt.Errorf("reading the router's configuration: %w", err)
	}
	for _, menu := range spelledOut() {
		more, err := c.Type(ctx, menu+" export verbose terse")
		if _, refused := errors.AsType[*mikrotik.Refused](err); refused {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the router's configuration: %w", err)
		}
		out += "\n" + more
	}
	return []byte(out), nil
}

// spelledOut are the menus that are exported with their defaults as well: which default a
// version has is not known of all, and a router that answers can say it.
func spelledOut() []string {
	return []string{"/ip firewall service-port", "/ip firewall connection tracking"}
}

// version is that of the router, "7.17.2 (stable)".
func (c Console) version(ctx context.Context) (string, error) {
	out, err := c.Type(ctx, "/system resource print")
	if _, refused := errors.AsType[*mikrotik.Refused](err); refused {
		return "", ErrNoRouterOS
	}
	if err != nil {
		return "", err
	}
	rows, err := routeros.ReadPrint([]byte(out))
	if err == nil && len(rows) > 0 {
		if v := rows[0].Get("version"); major(v) > 0 {
			return v, nil
		}
	}
	return "", ErrNoRouterOS
}

// major is the first number of a version; 0 if s is none.
func major(s string) (n int) {
	for _, d := range s {
		if d < '0' || d > '9' || n > 99 {
			break
		}
		n = n*10 + int(d-'0')
	}
	return n
}

// Serial tells the router from all others; empty where it has no such number.
func (c Console) Serial(ctx context.Context) (string, error) {
	for _, n := range serials() {
		out, err := c.Type(ctx, ":put [/"+strings.ReplaceAll(n.menu[1:], "/", " ")+" get "+n.name+"]")
		if _, refused := errors.AsType[*mikrotik.Refused](err); refused {
			continue
		}
		if err != nil {
			return "", err
		}
		if s := strings.TrimSpace(out); s != "" && len(s) < 60 && !strings.ContainsAny(s, "\r\n") {
			return n.name + " " + s, nil
		}
	}
	return "", nil
}

// A serial is where a router has a number of its own.
type serial struct{ menu, name string }

// serials are those, the best first: of a board, of a licence on other hardware, of a virtual
// machine.
func serials() []serial {
	return []serial{{"/system/routerboard", "serial-number"}, {"/system/license", "software-id"}, {"/system/license", "system-id"}}
}

// Connections are those that the router tracks; nil where it does not show them.
func (c Console) Connections(ctx context.Context) (*routeros.Connections, error) {
	x := &routeros.Connections{}
	helped, err := c.rows(ctx, "/ip firewall connection print detail without-paging where connection-type="+routeros.HelpedBySIP)
	if helped == nil {
		return nil, err
	}
	for _, row := range *helped {
		x.Took(row.Get)
	}
	tracking, err := c.rows(ctx, "/ip firewall connection tracking print")
	if tracking == nil {
		return x, err
	}
	for _, row := range *tracking {
		x.TookTracking(row.Get)
	}
	return x, nil
}

// rows reads what a line printed; nil where the router does not take it.
func (c Console) rows(ctx context.Context, line string) (*[]routeros.Shown, error) {
	out, err := c.Type(ctx, line)
	if _, refused := errors.AsType[*mikrotik.Refused](err); refused {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := routeros.ReadPrint([]byte(strings.ReplaceAll(out, "\x00", "")))
	return &rows, err
}
