package fail2ban

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// 100,000 current bans with their log lines in the database, an address and a
// network asked for.
func BenchmarkDatabase(b *testing.B) {
	name := filepath.Join(b.TempDir(), "db")
	line := strings.ReplaceAll(strings.TrimSpace(failedAt(1, "110", "192.0.2.7")), "'", "''")
	data := `{"matches": ["` + strings.Repeat(line+`", "`, 4) + line + `"], "failures": 5}`
	db, _ := makeDB(b, tables10, fmt.Sprintf(`INSERT INTO bips WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM c WHERE n < 99999)
		SELECT '10.' || (n/65536) || '.' || (n/256%%256) || '.' || (n%%256), 'asterisk', %d, -1, 1, '%s' FROM c`, at(1), data))
	if err := os.WriteFile(name, db, 0o600); err != nil {
		b.Fatal(err)
	}
	for _, asked := range []string{"10.1.2.3", "10.1.2.0/24"} {
		b.Run(map[bool]string{true: "address", false: "network"}[!strings.Contains(asked, "/")], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rows, err := readDatabase(b.Context(), platform.ThisSystem(), name, prefixes(asked), testNow.Unix())
				if err != nil || len(rows.rows) == 0 {
					b.Fatal(err, len(rows.rows))
				}
			}
			b.ReportMetric(float64(len(db))/1e6, "MB")
		})
	}
}

// The answers of a server with 200 jails that hold 100,000 addresses; the
// server itself takes the rest of the time (see the lab).
func BenchmarkTwoHundredJails(b *testing.B) {
	var conf, jails strings.Builder
	socket := map[string]string{"version": `[0,"1.0.2"]`, "get dbfile": `[0,null]`}
	for i := range 200 {
		name := fmt.Sprintf("jail%d", i)
		fmt.Fprintf(&conf, "[%s]\nenabled = true\nlogpath = /var/log/%s\naction = iptables-multiport[name=%%(__name__)s, port=5060]\n", name, name)
		if i > 0 {
			jails.WriteString(", ")
		}
		jails.WriteString(name)
		var list []string
		for k := range 500 {
			list = append(list, fmt.Sprintf("%q", fmt.Sprintf("10.%d.%d.%d", i, k/256, k%256)))
		}
		socket["status "+name] = `[0,[["Filter",[["Currently failed",1],["Total failed",9],["File list",["/var/log/x"]]]],["Actions",[["Currently banned",500],["Total banned",500],["Banned IP list",[` + strings.Join(list, ",") + `]]]]]]`
		for option, v := range map[string]string{"maxretry": "5", "findtime": "600", "bantime": "600", "ignoreip": `["127.0.0.1"]`, "actions": `["iptables-multiport"]`} {
			socket["get "+name+" "+option] = "[0," + v + "]"
		}
	}
	socket["status"] = `[0,[["Number of jail",200],["Jail list","` + jails.String() + `"]]]`
	p := newPBX(map[string]string{"/etc/fail2ban/jail.conf": conf.String()})
	p.socket = socket
	b.ReportAllocs()
	for b.Loop() {
		if s := Read(b.Context(), p, Options{Addresses: prefixes("10.7.1.1")}); len(s.Addresses[0].Holds) != 1 {
			b.Fatal(s.Notes)
		}
	}
}

// A log of 1 GB of which the last ten minutes matter, and one of which every
// byte does, within the time that Read gives it.
func BenchmarkLog(b *testing.B) {
	name := filepath.Join(b.TempDir(), "messages")
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	const size = 1 << 30
	lines := size / len(chatter)
	for i := range lines {
		minutes := 24 * 60 * float64(lines-i) / float64(lines)
		if i%5000 == 0 {
			_, _ = w.WriteString(failedAt(minutes, "110", "192.0.2.7"))
			continue
		}
		other := chatter[20:]
		if i%50 != 0 { // the phone also makes calls
			other = strings.Replace(other, "192.0.2.7", "10.20.0.7", 1)
		}
		_, _ = w.WriteString("[" + testNow.Add(-time.Duration(minutes*float64(time.Minute))).Format(time.DateTime) + other)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	f.Close()
	for _, tc := range []struct {
		name, asked string
		back        time.Duration
		budget      time.Duration
	}{
		{"ten minutes", "192.0.2.7", 10 * time.Minute, logTime}, {"an hour", "192.0.2.7", time.Hour, logTime}, {"a day, as far as there is time", "192.0.2.7", 24 * time.Hour, logTime},
		{"a day, all of it", "192.0.2.7", 24 * time.Hour, time.Hour}, {"a day, a network, all of it", "192.0.0.0/7", 24 * time.Hour, time.Hour},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			var h *logHistory
			for b.Loop() {
				p := prefixes(tc.asked)
				h = readLog(platform.ThisSystem(), name, &wanted{prefixes: p, texts: searchTexts(p), from: testNow.Add(-tc.back), now: testNow, zone: time.UTC, deadline: time.Now().Add(tc.budget)})
			}
			b.ReportMetric(float64(len(h.attempts)), "attempts")
			b.ReportMetric(testNow.Sub(h.since).Minutes(), "minutes-read")
		})
	}
}
