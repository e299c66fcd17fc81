package routeros

// Effects are the checks of an office that see what a finding here is the cause of.
func Effects(finding string) []string {
	switch finding {
	case "routeros.sip-helper":
		return []string{"sip-alg"}
	case "routeros.provider-blocked":
		return []string{"sip-alg", "rtp-ports"}
	}
	return nil
}
