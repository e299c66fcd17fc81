package pbx

import "regexp"

// zoneChain is how firewalld calls the chains of a zone, with both back ends:
// IN_public, filter_IN_public_deny.
var zoneChain = regexp.MustCompile(`(?:^|[_ ])IN_(\S+?)(?:_(?:pre|log|deny|allow|post))?(?:$|[ :])`)

// ZoneOf is the zone of firewalld that a chain belongs to, by its name or by the
// place of a rule in it; "" if it is none.
func ZoneOf(place string) string {
	if m := zoneChain.FindStringSubmatch(place); m != nil && m[1] != "ZONES" {
		return m[1]
	}
	return ""
}
