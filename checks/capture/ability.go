package capture

import (
	"net/netip"
	"slices"
	"strings"
)

// ability is what an end showed in its session descriptions that it can.
type ability struct {
	names            []string
	plain, encrypted bool
}

const maxNames = 16 // of the codecs of one end

// taken collects for each address what it offered or took in any call.
func (v *view) taken() map[netip.Addr]ability {
	out := map[netip.Addr]ability{}
	for _, x := range v.calls {
		for i := range x.Messages {
			m := &x.Messages[i]
			if m.SDP == nil {
				continue
			}
			a := out[m.Src.Addr()]
			for j := range m.SDP.Media {
				a.add(&m.SDP.Media[j])
			}
			out[m.Src.Addr()] = a
		}
	}
	return out
}

// takes reports whether an end uses one of the formats that are offered.
func (a ability) takes(offer *SDP) bool {
	for i := range offer.Media {
		for _, c := range offer.Media[i].Codecs {
			if name, _, _ := strings.Cut(c.Name, "/"); name != "" && slices.Contains(a.names, name) {
				return true
			}
		}
	}
	return false
}

func (a *ability) add(m *Media) {
	if m.Kind != "audio" || m.Port == 0 {
		return
	}
	if strings.Contains(m.Protocol, "SAVP") {
		a.encrypted = true
	} else {
		a.plain = true
	}
	for _, c := range m.Codecs {
		name, _, _ := strings.Cut(c.Name, "/")
		if c.Name != "" && isVoice(c.Name) && !slices.Contains(a.names, name) && len(a.names) < maxNames {
			a.names = append(a.names, name)
		}
	}
}
