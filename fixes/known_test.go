package fixes

// knownVariables are the names a command may use as {{.Name}}.
func knownVariables() []string {
	return []string{
		"Router",      // the gateway's address
		"Phone",       // the address of a phone; that of this machine unless the caller knows better
		"PBX",         // the address of the PBX or of the provider's server
		"SIPPort",     // the signalling port
		"RTPRange",    // the media ports, "10000-20000"
		"RTPFirst",    // the first of the media ports
		"RTPLast",     // the last of them
		"UDPTimeout",  // seconds a UDP mapping should live
		"MSS",         // of TCP, bytes
		"WAN",         // the router's outer interface
		"Network",     // an IPv4 network or address of the provider
		"Protocol",    // udp or tcp
		"Ports",       // one port, or a range "10000-20000"
		"Address",     // an address or network that the PBX should let in
		"AddressName", // Address as part of a file's name
		"Family",      // ipv4 or ipv6, the family of Address
		"Jail",        // of fail2ban
		"ActionName",  // Jail, as part of the name of an action
		"Chain",       // of iptables, in which a ban is to stand
		"LogPath",     // a log that Asterisk writes
		"Domain",      // a name in DNS
	}
}

// problems returns every problem that Go knows.
func problems() []string {
	return []string{SIPALG, SIPPortBlocked, SymmetricNAT, DoubleNAT, UDPTimeout, AllowProvider, RTPPorts, ExemptAddress, LetIn, BanPorts, BansLost, JailLog, RTPForward, Fragments, TCPMSS, DNSServer, DNSRedirect, DNSRebind, DNSRecords, TLSCertificate, SIPService, Clock}
}

// allFixes returns every fix for a problem, by platform, with placeholders for
// what only a real network can tell.
func allFixes(problem string) []Fix {
	var out []Fix
	for _, d := range catalogue() {
		for _, r := range d.Fixes {
			if r.Problem != problem {
				continue
			}
			vals := values(r, nil, nil)
			for _, n := range knownVariables() {
				if _, ok := vals[n]; !ok {
					vals[n] = "<" + n + ">"
				}
			}
			f, _ := r.build(d.Platform, vals)
			out = append(out, f)
		}
	}
	return out
}
