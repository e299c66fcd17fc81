package stun

// PublicServers are asked when nobody names a server: eight operators in
// different networks, so that one that is gone or filtered does not matter.
// The first two are the longest lived but have one address each; the others
// are telephone companies that have answered RFC 5780 tests. Nothing they say
// of themselves is believed unseen.
func PublicServers() []string {
	return []string{
		"stun.l.google.com:19302",
		"stun.cloudflare.com:3478",
		"stun.sipgate.net:3478",
		"stun.t-online.de:3478",
		"stun.easybell.de:3478",
		"stun.voipgate.com:3478",
		"stun.acrobits.cz:3478",
		"stun.aa.net.uk:3478",
	}
}
