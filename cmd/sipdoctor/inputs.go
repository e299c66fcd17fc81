package main

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/natlifetime"
	"github.com/sipdoctor/sipdoctor/checks/rtpports"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/netinfo/routes"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// job checks every flag and returns what there is to do. Nothing has been sent
// to anybody when it refuses.
func (o *checkOptions) job(ctx context.Context, named []string) (*job, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	list, err := choose("office", checks.Inputs{Checks: named, Skip: o.skip, Deep: o.deep, Ladder: o.ladder, Profile: o.profile})
	if err != nil {
		return nil, err
	}
	in := checks.Inputs{
		Checks: named, Skip: o.skip, Profile: o.profile, Responder: o.responder,
		SIPServers: o.sipServers, STUN: o.stun, Deep: o.deep, Ladder: o.ladder, NoPublic: o.noPublic, NoLookup: o.noLookup,
		RTPRange: o.rtpRange, Full: o.full, Fast: o.fast, RouterEntries: o.routerEntries, Rate: o.rate,
	}
	if in.Fingerprint, err = readFingerprint(o.fingerprint); err != nil {
		return nil, err
	}
	if err := addProfile(&in); err != nil {
		return nil, err
	}
	if err := cmp.Or(o.addAccount(&in, list), o.addInbound(&in, list)); err != nil {
		return nil, err
	}
	in.NTP, in.Sudo = o.ntp, platform.UnderSudo()
	sys := platform.ThisSystem()
	var device string
	if o.bind != "" {
		if in.Bind, device, err = localAddress(ctx, sys, o.bind); err != nil {
			return nil, err
		}
	}
	network := platform.Real(platform.RealOptions{BindDevice: device})
	return &job{list: list, inputs: in, net: network, host: factsOf(sys, network, in.Bind), ports: checks.NewRTPPorts(), manners: knownManners()}, nil
}

func (o *checkOptions) validate() error {
	responder := validHostPort("responder", o.responder)
	if o.responder == "" {
		responder = nil
	}
	if err := cmp.Or(o.reporting.validate(), o.signallingOptions.validate(), o.pushOptions.validate(), responder,
		validHostPort("sip-server", o.sipServers...), validHostPort("stun", o.stun...)); err != nil {
		return err
	}
	for _, v := range o.ladder {
		if v < 1 || v > natlifetime.MaxRung {
			return usage("say.ladder-value", words.Args{"value": v, "most": natlifetime.MaxRung})
		}
	}
	if len(o.ladder) > natlifetime.MaxRungs {
		return usage("say.ladder-long", words.Args{"n": len(o.ladder), "most": natlifetime.MaxRungs})
	}
	if _, err := rtpports.ParseRange(o.rtpRange); err != nil {
		return badValue("--rtp-range", o.rtpRange, err)
	}
	switch {
	case o.routerEntries < 0:
		return usage("say.negative", words.Args{"flag": "--router-entries", "value": o.routerEntries})
	case o.rate < 0 || o.rate > rtpports.MaxRate:
		return usage("say.rate", words.Args{"rate": o.rate, "most": rtpports.MaxRate})
	case o.fast && o.routerEntries > 0:
		return usage("say.fast-entries", nil)
	case o.fingerprint != "" && o.responder == "":
		return usage("say.fingerprint-alone", nil)
	case o.watch > 0 && o.agent():
		return exclusive("--watch", "--every, --report-to")
	case o.watch < 0:
		return usage("say.negative", words.Args{"flag": "--watch", "value": o.watch.String()})
	}
	return nil
}

// validHostPort accepts names and addresses, with or without a port.
func validHostPort(flag string, values ...string) error {
	for _, value := range values {
		if _, err := netinfo.ParseHostPort(value); err != nil {
			return badValue("--"+flag, words.Raw(value), err)
		}
	}
	return nil
}

// readFingerprint accepts 64 hex digits, with or without colons, as programs
// print a SHA-256.
func readFingerprint(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	hex := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(s))
	hex = strings.TrimPrefix(hex, "sha256")
	if len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", usage("say.fingerprint", words.Args{"value": words.Raw(s)})
	}
	return hex, nil
}

// localAddress turns --bind into an address of this machine, and the interface
// when one was named.
func localAddress(ctx context.Context, sys platform.System, bind string) (netip.Addr, string, error) {
	list, err := routes.Interfaces(ctx, sys)
	if err != nil && len(list) == 0 {
		return netip.Addr{}, "", failure("say.reading-interfaces", words.Args{"why": cause(err)})
	}
	wanted, perr := netip.ParseAddr(bind)
	var names []string
	for _, i := range list {
		names = append(names, i.Name)
		for _, a := range i.Addrs {
			if perr == nil && a.Addr().WithZone("") == wanted.WithZone("") {
				return wanted, "", nil
			}
		}
		if i.Name != bind {
			continue
		}
		if a, ok := firstAddress(i.Addrs); ok {
			return a, i.Name, nil
		}
		return netip.Addr{}, "", usage("say.bind-no-address", words.Args{"bind": bind})
	}
	if perr == nil {
		return netip.Addr{}, "", usage("say.bind-not-ours", words.Args{"bind": bind})
	}
	return netip.Addr{}, "", usage("say.bind-unknown", words.Args{"bind": bind, "known": names})
}

// firstAddress prefers IPv4: phones do.
func firstAddress(prefixes []netip.Prefix) (netip.Addr, bool) {
	for _, fits := range []func(netip.Addr) bool{netip.Addr.Is4, func(a netip.Addr) bool { return !a.IsLinkLocalUnicast() }} {
		if i := slices.IndexFunc(prefixes, func(p netip.Prefix) bool { return fits(p.Addr()) }); i >= 0 {
			return prefixes[i].Addr(), true
		}
	}
	return netip.Addr{}, false
}
