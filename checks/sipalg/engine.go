package sipalg

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// engine names the family of ALGs that leaves such traces; it helps to find
// the box. The signatures come from the behaviour of the implementations, not
// from what they say of themselves.
func engine(paths []Path) string {
	codes := map[sip.Code]bool{}
	decoy := false
	for i := range paths {
		for _, c := range paths[i].Changes {
			codes[c.Code] = true
			decoy = decoy || strings.Contains(c.Before, decoyAddr) && c.After != "" && !strings.Contains(c.After, decoyAddr)
		}
	}
	sdp := codes[sip.SDPConnection] || codes[sip.SDPOrigin] || codes[sip.SDPMediaPort]
	switch {
	case len(codecsTaken(paths)) > 0:
		return "a codec filter: it takes " + joinAnd(codecsTaken(paths)) + " out of the SDP and leaves addresses alone"
	case codes[sip.ViaAdded]:
		return "a SIP proxy in the path: it takes the message apart and puts its own Via on top"
	case decoy:
		return "blind search and replace: it even changed an address that is not ours"
	case codes[sip.CallID]:
		return "it hides the address in the Call-ID, as Juniper's ALG does by default"
	case sdp && codes[sip.ViaSentBy] && !codes[sip.SDPAttribute]:
		return "the pattern of the Linux kernel's SIP helper (nf_nat_sip), the engine of most routers"
	case !sdp && (codes[sip.ViaSentBy] || codes[sip.ContactChanged]):
		return "headers are rewritten and SDP is left alone, as some firewalls do with SDP fixup off"
	}
	return ""
}

// codecsTaken lists the payload formats that were taken out of the SDP, where
// that is all that was done; nil otherwise.
func codecsTaken(paths []Path) []string {
	var out []string
	for i := range paths {
		for _, c := range paths[i].Changes {
			if c.Code == sip.ContentLength || c.After == "" && strings.HasPrefix(c.Before, "a=") {
				continue // it follows from a format that is gone
			}
			gone := formatsGone(c)
			if len(gone) == 0 {
				return nil
			}
			for _, f := range gone {
				if name := codecName(f, paths[i].Changes); !slices.Contains(out, name) {
					out = append(out, name)
				}
			}
		}
	}
	return out
}

// formatsGone are the formats of an m= line that was only shortened.
func formatsGone(c Change) []string {
	const fixed = 3 // media, port, protocol
	before, after := strings.Fields(c.Before), strings.Fields(c.After)
	if !strings.HasPrefix(c.Before, "m=") || min(len(before), len(after)) < fixed || !slices.Equal(before[:fixed], after[:fixed]) {
		return nil
	}
	var gone []string
	for _, f := range before[fixed:] {
		if !slices.Contains(after[fixed:], f) {
			gone = append(gone, f)
		}
	}
	if len(gone) != len(before)-len(after) {
		return nil // others came in
	}
	return gone
}

// codecName finds a format's name in the line that went with it.
func codecName(format string, changes []Change) string {
	for _, c := range changes {
		if rest, ok := strings.CutPrefix(c.Before, "a=rtpmap:"+format+" "); ok {
			name, _, _ := strings.Cut(rest, "/")
			return name
		}
	}
	return "payload format " + format
}
