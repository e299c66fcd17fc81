package pbx

import "regexp"

// zoneChain is a chain of a zone of firewalld, of both back ends.
var zoneChain = regexp.MustCompile(`\b(?:filter_)?IN_(\S+?)_(?:pre|log|deny|allow|post)\b`)

// ZoneOf is the zone of firewalld that a rule stands in, by its place; "" if it
// is none.
func ZoneOf(place string) string {
	if m := zoneChain.FindStringSubmatch(place); m != nil {
		return m[1]
	}
	return ""
}
