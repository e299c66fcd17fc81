package fail2ban

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"
)

// What fail2ban keeps in its database (fail2ban/server/database.py): table bips
// holds the current bans since 0.11, table bans every ban of the last
// dbpurgeage (a day), with the log lines that led to it.

// databaseTime bounds the questions to the database.
const databaseTime = 2 * time.Second

var (
	errJournal = problem(because("database-journal"))
	errNoBans  = problem(because("database-no-bans"))
)

// banRow is one row of bips, or of bans where there is no bips. Times in
// seconds since 1970.
type banRow struct {
	jail, id      string
	prefix        netip.Prefix
	since, length int64 // length -1: permanent; 0 with lengthUnknown
	lengthUnknown bool
	count         int
	failures      int
	matches       []string
}

// banRows is what the database says of the asked addresses.
type banRows struct {
	rows []banRow
	// total counts the bans that touch each asked address.
	total []int
}

// banData is the JSON beside a ban. A match is a line, or its parts.
type banData struct {
	Matches  []any `json:"matches"`
	Failures int   `json:"failures"`
}

// parseBanData reads it; what is not JSON counts as nothing.
func parseBanData(data []byte) (matches []string, failures int) {
	var d banData
	if json.Unmarshal(data, &d) != nil {
		return nil, 0
	}
	first := max(0, len(d.Matches)-maxMatches)
	for _, m := range d.Matches[first:] {
		line := strings.Join(flatten(m), "")
		if line != "" {
			matches = append(matches, clip(line))
		}
	}
	return matches, d.Failures
}

// clip bounds a line for the report.
func clip(line string) string {
	line = strings.ToValidUTF8(strings.TrimRight(line, "\r\n"), "\uFFFD")
	if len(line) > maxText {
		line = strings.ToValidUTF8(line[:maxText], "") + "…"
	}
	return line
}
