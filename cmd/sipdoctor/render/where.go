package render

import (
	"fmt"
	"slices"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// Two places that only a hop can tell.
const (
	placeNext checks.Place = "next" // the router after the office's
	placeFar  checks.Place = "far"  // just before the far end
)

// fault is where on the path one is.
type fault struct {
	check  string
	at     checks.Place
	sure   bool
	server string // the way to which was looked at, where it is not that of all
}

// faultsOf are those of the checks that failed for a reason of their own, as far as
// it is known where they are.
func faultsOf(r *checks.Report) (list []fault) {
	for _, res := range r.Results {
		if res.Status != checks.Fail || res.ExplainedBy != "" {
			continue
		}
		for _, fd := range res.Findings {
			f := fault{check: res.Check, at: fd.Place}
			known := slices.Contains([]checks.Place{checks.PlaceHere, checks.PlaceRouter, checks.PlaceCarrier, checks.PlaceServer}, f.at)
			if fd.Severity != checks.Critical || fd.Confidence == checks.Possible || !known {
				continue
			}
			f.sure = fd.Confidence == checks.Certain && f.at != checks.PlaceRouter
			f.narrow(r, fd)
			if f.at != checks.PlaceServer || f.server != "" {
				list = append(list, f)
			}
		}
	}
	return list
}

// narrow says more exactly where it is: after a hop that quoted the message unchanged
// or refused it, at the device that the finding names, at a server.
func (f *fault) narrow(r *checks.Report, fd checks.Finding) {
	hop := ""
	if given, ok := fd.Args["hop"]; ok {
		hop = fmt.Sprint(given)
	}
	if f.check == "sip-alg" {
		var alg struct {
			ChangedAt struct {
				After  string `json:"after"`
				Before string `json:"before"`
			} `json:"changed_at"`
		}
		Facts(r, "sip-alg", &alg)
		if at := alg.ChangedAt; at.Before != "" {
			hop = at.After
		}
	}
	f.server, _ = fd.Args["server"].(string)
	switch u, b := r.Host.Uplink, r.Beyond; {
	case f.at == checks.PlaceServer:
		if servers := r.Inputs.SIPServers; f.server == "" && len(servers) == 1 {
			f.server = servers[0]
		}
	case f.at != checks.PlaceRouter:
	case hop == "":
		f.byBox(fd)
	case hop == u.Gateway.String() || hop == u.Gateway6.String():
		f.sure = true
	case b != nil && hop == b.Addr.String():
		f.at, f.sure = placeNext, true
	default:
		f.at, f.sure = placeFar, true
	}
}

// byBox goes by the words of the finding, so that the picture says the same.
func (f *fault) byBox(fd checks.Finding) {
	box, _ := fd.Args["box"].(words.Text)
	switch box.Args["place"] {
	case "router":
		f.sure = true
	case "behind-router":
		f.at = checks.PlaceCarrier
	case "towards":
		f.at = placeFar
		if own, _ := box.Args["own"].(bool); !own {
			f.server, _ = box.Args["server"].(string)
		}
	}
}

// edge is the stop on the way into which it is.
func (f fault) edge(list []stop) int {
	after := func(roles ...string) int {
		for i, s := range slices.Backward(list) {
			if slices.Contains(roles, s.role) {
				return i + 1
			}
		}
		return 1
	}
	switch f.at {
	case checks.PlaceRouter:
		return after("vpn", "router") // a router sees nothing of what is in a VPN
	case placeNext:
		return after("next", "second", "vpn", "router")
	case checks.PlaceCarrier:
		return after("carrier", "next", "second", "vpn", "router")
	case placeFar, checks.PlaceServer:
		return len(list) - 1
	}
	return 1
}
