package sipalg

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// The families of ALGs, by the traces that they leave; they help to find the
// box. The signatures come from the behaviour of the implementations, not from
// what they say of themselves.
const (
	codecFilter  = "codec-filter"
	proxy        = "proxy"          // puts its own Via on top
	blindReplace = "search-replace" // even changes addresses that are not ours
	hidesCallID  = "call-id"        // as Juniper's does by default
	linuxHelper  = "linux-helper"   // nf_nat_sip, the engine of most routers
	headersOnly  = "headers-only"   // as some firewalls do with SDP fixup off
)

// engine is the family that leaves such traces; "" when none does.
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
		return codecFilter
	case codes[sip.ViaAdded]:
		return proxy
	case decoy:
		return blindReplace
	case codes[sip.CallID]:
		return hidesCallID
	case sdp && codes[sip.ViaSentBy] && !codes[sip.SDPAttribute]:
		return linuxHelper
	case !sdp && (codes[sip.ViaSentBy] || codes[sip.ContactChanged]):
		return headersOnly
	}
	return ""
}

// codecsTaken lists the payload formats that were taken out of the SDP, where
// that is all that was done; nil otherwise.
func codecsTaken(paths []Path) []codec {
	var out []codec
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
				if c := codecOf(f, paths[i].Changes); !slices.Contains(out, c) {
					out = append(out, c)
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

// A codec is a payload format; its name is empty where none was seen.
type codec struct{ format, name string }

func codecOf(format string, changes []Change) codec {
	for _, c := range changes {
		if rest, ok := strings.CutPrefix(c.Before, "a=rtpmap:"+format+" "); ok {
			name, _, _ := strings.Cut(rest, "/")
			return codec{name: name}
		}
	}
	return codec{format: format}
}

func codecsSay(list []codec) (out []any) {
	for _, c := range list {
		if c.name != "" {
			out = append(out, c.name)
		} else {
			out = append(out, words.Say("sip-alg.format", words.Args{"number": c.format}))
		}
	}
	return out
}
