package twin

import (
	"fmt"
	"strings"
	"time"
)

// isTracked reports whether the router tracks connections: without, it translates nothing
// and has no helper. "auto" begins with the first rule (MikroTik, Connection tracking).
func (b *builder) isTracked() bool {
	enabled := b.cfg.Settings("/ip/firewall/connection/tracking").Get("enabled").Text
	if enabled == "no" || enabled == "yes" {
		return enabled == "yes"
	}
	for _, family := range []string{"/ip/firewall/", "/ipv6/firewall/"} {
		for _, menu := range menus {
			for r := range b.cfg.Rows(family + menu) {
				if !r.Off() {
					return true
				}
			}
		}
	}
	return !b.cfg.Covers("/ip/firewall")
}

// helper is the SIP helper, for whose connections RouterOS looks at the port alone.
func (t *table) helper(out *strings.Builder) {
	sip, ok := t.cfg.Named("/ip/firewall/service-port", "sip")
	if !ok || sip.Off() || t.family != "ip" {
		return
	}
	ports, ok := ports(sip.Get("ports").Text)
	if !ok {
		t.leave("/ip/firewall/service-port", sip.Line, "ports="+sip.Get("ports").Text)
		return
	}
	t.helped = true
	for _, p := range []string{"udp", "tcp"} {
		fmt.Fprintf(out, "\tct helper sip_%s { type \"sip\" protocol %s; }\n", p, p)
	}
	out.WriteString("\tchain service_port {\n\t\ttype filter hook prerouting priority -190;\n")
	for _, p := range []string{"udp", "tcp"} {
		fmt.Fprintf(out, "\t\tct state new %s dport %s ct helper set \"sip_%s\"\n", p, ports, p)
	}
	out.WriteString("\t}\n")
	if d, ok := sip.Get("sip-timeout").Duration(); ok && d != time.Hour { // which is the kernel's
		t.leave("/ip/firewall/service-port", sip.Line, "sip-timeout="+sip.Get("sip-timeout").Text)
	}
	if sip.Get("sip-direct-media").Text == "no" { // the kernel has one setting for all namespaces
		t.leave("/ip/firewall/service-port", sip.Line, "sip-direct-media=no")
	}
}
