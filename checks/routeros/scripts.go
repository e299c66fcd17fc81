package routeros

import (
	"iter"
	"slices"
	"strings"

	ros "github.com/sipdoctor/sipdoctor/netinfo/routeros"
)

// scripts are the texts that the router runs by itself.
func scripts(cfg *ros.Config) iter.Seq2[ros.Row, string] {
	return func(yield func(ros.Row, string) bool) {
		for _, x := range []struct {
			path  string
			names []string
		}{
			{"/tool/netwatch", []string{"up-script", "down-script", "test-script"}}, {"/system/script", []string{"source"}}, {"/system/scheduler", []string{"on-event"}},
			{"/ip/dhcp-client", []string{"script"}}, {"/ip/dhcp-server", []string{"lease-script"}}, {"/ppp/profile", []string{"on-up", "on-down"}},
			{"/interface/vrrp", []string{"on-master", "on-backup"}}, {"/ip/hotspot/user/profile", []string{"on-login", "on-logout"}},
		} {
			for r := range cfg.Rows(x.path) {
				for _, name := range x.names {
					if text := r.Get(name).Text; text != "" && !yield(r, text) {
						return
					}
				}
			}
		}
	}
}

// isEmptyList reports whether a list is known to have no members, and nothing that
// fills it.
func isEmptyList(cfg *ros.Config, property, list string) bool {
	if strings.Contains(property, "interface") {
		names, whole := cfg.Members(list)
		return whole && len(names) == 0 && list != "none"
	}
	for _, text := range scripts(cfg) {
		if strings.Contains(text, list) {
			return false
		}
	}
	for m := range cfg.Menus() { // rules, DHCP, PPP, DNS and others fill address lists
		for r := range cfg.Rows(m.Path) {
			if m.Path == "/ip/firewall/address-list" && r.Get("list").Text == list {
				return false
			}
			for _, name := range []string{"address-list", "address-lists"} {
				if slices.Contains(strings.Split(r.Get(name).Text, ","), list) {
					return false
				}
			}
		}
	}
	return true
}
