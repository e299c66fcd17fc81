package ciscostate

import "github.com/sipdoctor/sipdoctor/netinfo/cisco"

// Holds reports whether a text holds output of a Cisco voice gateway; the beginning
// of a long one is enough.
func Holds(text []byte) bool { return cisco.Show(string(text)).Says() }
