package routeros

// Effects are the checks of an office that see what a finding here is the cause of.
func Effects(finding string) []string {
	switch finding {
	case "routeros.sip-helper":
		return []string{"sip-alg"}
	case "routeros.provider-blocked", "routeros.bans":
		return []string{"sip-alg", "rtp-ports"}
	case "routeros.media-forward":
		return []string{"rtp-ports"}
	case "routeros.port-changed":
		return []string{"nat"}
	}
	return nil
}
