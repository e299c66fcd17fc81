package bans

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// Kamailio asks a running Kamailio for the sources that its pike module holds
// back and for the tables that scripts keep bans in.
//
// Source: kamcmd and the modules htable and pike of Kamailio 5.6.3, run.
func Kamailio(ctx context.Context, sys platform.System, asked netip.Prefix, a *Answer) {
	tables, err := sys.Run(ctx, "kamcmd", "htable.listTables")
	if errors.Is(err, platform.ErrNoAnswer) {
		a.note(unread("kamcmd htable.listTables", err))
		a.Silent = append(a.Silent, LayerKamailio)
		return
	}
	if err != nil {
		// kamcmd is installed with Kamailio, whether that runs or not: without
		// a socket it does not run.
		if sockets, gerr := sys.Glob("/run/kamailio*/*ctl*"); gerr == nil && len(sockets) > 0 {
			a.note(unread("kamcmd htable.listTables", err))
		}
		return
	}
	a.has(LayerKamailio)
	for _, table := range banTables(tables) {
		out, ok := a.run(ctx, sys, "kamcmd", "htable.dump", table)
		if !ok {
			a.Silent = append(a.Silent, LayerKamailio)
			continue
		}
		kamailioTable(ctx, sys, table, out, asked, a)
	}
	if out, ok := a.run(ctx, sys, "kamcmd", "pike.top"); ok {
		kamailioPike(out, asked, a)
	}
}

// rpc reads what kamcmd prints: structures as "name: value" lines, in braces
// that may nest. Each innermost structure is one map. An error is printed like
// an answer, with the same exit status.
func rpc(b []byte) (list []map[string]string) {
	var cur map[string]string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "error:"):
			return nil
		case strings.HasSuffix(line, "{"):
			cur = map[string]string{}
		case line == "}":
			if len(cur) > 0 {
				list = append(list, cur)
			}
			cur = nil
		default:
			if name, value, ok := strings.Cut(line, ": "); ok && cur != nil {
				cur[name] = value
			}
		}
	}
	return list
}

// banTables picks the tables that hold bans by their names: "ipban" of the
// configuration that Kamailio ships, and what scripts call theirs.
func banTables(b []byte) (names []string) {
	for _, m := range rpc(b) {
		n := strings.ToLower(m["name"])
		for _, part := range []string{"ban", "block", "black", "deny", "attack", "flood"} {
			if strings.Contains(n, part) && len(names) < 20 {
				names = append(names, m["name"])
				break
			}
		}
	}
	return names
}

func kamailioTable(ctx context.Context, sys platform.System, table string, out []byte, asked netip.Prefix, a *Answer) {
	for _, m := range rpc(out) {
		key := m["name"]
		p, ok := nets.Parse(key)
		if !ok || nets.Relation(p, asked) == "" {
			continue
		}
		undo := command.New("kamcmd", "htable.seti")
		if m["type"] == "str" {
			undo = command.New("kamcmd", "htable.sets")
		}
		b := Ban{
			Layer: LayerKamailio, Where: "kamcmd htable.dump " + table, Object: table + "=>" + key, Name: table, Prefix: p, Effect: BlocksSIP,
			Cause: because("kamailio-script"),
			Free:  only(command.New("kamcmd", "htable.delete").Values(table, key)), Undo: only(undo.Values(table, key, m["value"])),
		}
		if got, ok := a.run(ctx, sys, "kamcmd", "htable.get", table, key); ok {
			for _, item := range rpc(got) {
				// Local time of the machine; the zone is that of its clock.
				if t, err := time.ParseInLocation("2006-01-02 15:04:05", item["expire"], sys.Now().Location()); err == nil {
					b.Until = platform.PlausibleTime(t.UTC())
				}
			}
		}
		a.ban(asked, b)
	}
}

func kamailioPike(out []byte, asked netip.Prefix, a *Answer) {
	for _, m := range rpc(out) {
		p, ok := nets.Parse(m["ip_addr"])
		if !ok || m["status"] != "HOT" && m["status"] != "ALL" {
			continue
		}
		b := Ban{
			Layer: LayerKamailio, Where: "kamcmd pike.top", Object: m["ip_addr"] + " " + m["status"], Name: "pike", Prefix: p, Effect: BlocksSIP,
			Cause: because("pike", "requests", m["leaf_hits_prev"], "left", m["expires"]),
		}
		a.ban(asked, b)
	}
}
