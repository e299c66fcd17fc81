package asteriskconfig

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// homes are the modules whose section of sorcery.conf counts for a type of object.
func homes(kind string) string {
	switch kind {
	case "identify":
		return "res_pjsip_endpoint_identifier_ip"
	case "registration":
		return "res_pjsip_outbound_registration"
	case "endpoint", "aor", "auth", "contact", "domain_alias", "transport", "global", "system":
		return "res_pjsip"
	}
	return ""
}

// databases is about objects that sorcery.conf wants from a database, in a section
// that nobody asks, or of a table that extconfig.conf does not have.
func databases(v *view) {
	for _, s := range v.Sorcery {
		if !strings.HasPrefix(strings.ToLower(s.Name), "res_pjsip") {
			continue
		}
		for i := range s.Options {
			o := &s.Options[i]
			kind, _, _ := strings.Cut(o.Name, "/")
			home := homes(kind)
			if home == "" || o.Value == removed {
				continue
			}
			if !strings.EqualFold(home, s.Name) {
				v.add(Fault{ID: "sorcery-section", Severity: critical, Confidence: certain, key: o.At(), Args: words.Args{"type": kind, "home": home, "section": s.Name}, Source: docsTrouble,
					Lines: []Line{line(o, "["+home+"]")}}, "")
				continue
			}
			table, ok := strings.CutPrefix(o.Value, "realtime,")
			if table, _, _ = strings.Cut(table, ","); ok && v.Whole("extconfig.conf") && !slices.Contains(v.External, table) {
				v.add(Fault{ID: "sorcery-table", Severity: critical, Confidence: certain, key: o.At(), Args: words.Args{"type": kind, "table": words.Raw(table)}, Source: docsTrouble,
					Lines: []Line{line(o, ""), {At: "extconfig.conf", Want: table + " => odbc"}}}, "")
			}
		}
	}
}
