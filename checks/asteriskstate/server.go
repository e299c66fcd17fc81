package asteriskstate

import (
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// transports are sockets that stand in each other's way: chan_sip and PJSIP at one
// port, in the listings of both, or a transport of pjsip.conf that could not be
// bound for one that is.
func transports(v *view) (out []checks.Finding) {
	for i, a := range v.s.Transports {
		for _, b := range v.s.Transports[:i] {
			if a.Driver != b.Driver && collide(a, b) {
				out = append(out, v.conflict(a, b))
			}
		}
	}
	for k, u := range v.o.Configured.Unloaded {
		if u.Kind != "transport" {
			continue
		}
		want := asterisk.ShownTransport{Driver: "pjsip", Protocol: u.Protocol, Bind: u.Bind}
		for _, have := range v.s.Transports {
			if collide(want, have) {
				v.told[v.o.Configured.Unloaded[k].At] = true
				f := v.conflict(want, have)
				f.Evidence = append(f.Evidence, checks.Proof(u.At, nil, words.Raw(u.Name)))
				out = append(out, f)
				break
			}
		}
	}
	return out
}

func (v *view) conflict(t, other asterisk.ShownTransport) checks.Finding {
	f := checks.Finding{
		ID: "asterisk-state.transport-conflict", Severity: checks.Critical, Confidence: checks.Certain,
		Args: words.Args{"protocol": strings.ToUpper(t.Protocol), "port": int(t.Bind.Port()), "chansip": t.Driver != other.Driver},
	}
	for _, x := range []asterisk.ShownTransport{t, other} {
		listing := asterisk.ShowTransports
		if x.Driver != "pjsip" {
			listing = asterisk.ShowSIPSettings
		}
		if x.Text != "" {
			f.Evidence = append(f.Evidence, v.quote(listing, x.Row)...)
		}
	}
	return f
}

// collide reports whether two sockets cannot both be bound.
func collide(a, b asterisk.ShownTransport) bool {
	kind := func(p string) string {
		if p == "udp" {
			return p
		}
		return "tcp"
	}
	web := func(p string) bool { return p == "ws" || p == "wss" } // of the HTTP server: their bind is not used
	if web(a.Protocol) || web(b.Protocol) {
		return false
	}
	x, y := a.Bind.Addr(), b.Bind.Addr()
	return kind(a.Protocol) == kind(b.Protocol) && a.Bind.Port() == b.Bind.Port() && a.Bind.Port() != 0 && x.Is4() == y.Is4() &&
		(x == y || x.IsUnspecified() || y.IsUnspecified())
}

// unloadedObjects stand in pjsip.conf and are not there in the running server: the
// file was changed since it was read, or Asterisk rejected them.
func unloadedObjects(v *view) (out []checks.Finding) {
	for _, kind := range []string{"transport", "registration", "endpoint"} {
		var names []string
		var proof []checks.Evidence
		for _, u := range v.o.Configured.Unloaded {
			if u.Kind == kind && !v.told[u.At] {
				names = append(names, u.Name)
				if len(proof) < mostRows {
					proof = append(proof, checks.Proof(u.At, nil, words.Raw(u.Name)))
				}
			}
		}
		if len(names) == 0 {
			continue
		}
		out = append(out, checks.Finding{
			ID: "asterisk-state.not-loaded", Severity: checks.Warning, Confidence: checks.Certain,
			Args: words.Args{"kind": kind, "n": len(names), "names": some(names)}, Evidence: proof,
		})
		if kind != "transport" { // those are read when Asterisk starts
			reload := command.Step{Do: []command.Command{command.New("asterisk", "-rx", reloadPJSIP)}}
			out[len(out)-1].Fixes = fixes.Build("reload-pjsip", "", nil, reload)
		}
	}
	return out
}

// A need is a module that phones or trunks need.
type need struct {
	module, effect string
	when           func(*view) bool
	severity       checks.Severity
}

func pjsipUsed(v *view) bool {
	return len(v.s.Endpoints) > 0 || v.o.Configured.Endpoints > 0
}

func needs() []need {
	registers := func(v *view) bool {
		return v.o.Configured.Registrations > 0 || slices.ContainsFunc(v.s.Registrations, func(g asterisk.ShownRegistration) bool { return g.Driver == "pjsip" })
	}
	identifies := func(v *view) bool { return v.o.Configured.Identifies > 0 || len(v.s.Identifies) > 0 }
	// Phones that log in: a server that only has trunks, told by their address, may leave
	// out what they need.
	phones := func(v *view) bool {
		return slices.ContainsFunc(v.s.Endpoints, func(e asterisk.ShownEndpoint) bool { return len(e.InAuth) > 0 })
	}
	sip := func(v *view) bool { return pjsipUsed(v) || len(v.s.Peers) > 0 || v.o.Configured.Peers > 0 }
	return []need{
		{"chan_pjsip.so", "calls", pjsipUsed, checks.Critical},
		{"res_pjsip.so", "calls", pjsipUsed, checks.Critical},
		{"res_pjsip_session.so", "calls", pjsipUsed, checks.Critical},
		{"res_pjsip_sdp_rtp.so", "audio", pjsipUsed, checks.Critical},
		{"res_rtp_asterisk.so", "audio", sip, checks.Critical},
		{"res_pjsip_registrar.so", "register", phones, checks.Critical},
		{"res_pjsip_authenticator_digest.so", "password", phones, checks.Critical},
		{"res_pjsip_endpoint_identifier_user.so", "user", phones, checks.Critical},
		{"res_pjsip_endpoint_identifier_ip.so", "address", identifies, checks.Critical},
		{"res_pjsip_outbound_registration.so", "trunk", registers, checks.Critical},
		{"res_pjsip_outbound_authenticator_digest.so", "trunk-password", registers, checks.Critical},
		{"res_pjsip_nat.so", "nat", pjsipUsed, checks.Warning},
		{"codec_alaw.so", "codec", sip, checks.Warning},
		{"codec_ulaw.so", "codec", sip, checks.Warning},
		{"res_pjsip_pubsub.so", "subscriptions", pjsipUsed, checks.Info},
		{"res_pjsip_exten_state.so", "subscriptions", pjsipUsed, checks.Info},
		{"res_pjsip_pidf_body_generator.so", "subscriptions", pjsipUsed, checks.Info},
		{"res_pjsip_dialog_info_body_generator.so", "subscriptions", pjsipUsed, checks.Info},
		{"res_pjsip_mwi.so", "voicemail", pjsipUsed, checks.Info},
		{"res_pjsip_mwi_body_generator.so", "voicemail", pjsipUsed, checks.Info},
	}
}

// modules are those that phones and trunks need and that are not loaded, or loaded
// and not running. Without the whole list, or an answer about the one, nothing is
// said.
func modules(v *view) (out []checks.Finding) {
	loaded := map[string]*asterisk.ShownModule{}
	for i := range v.s.Modules {
		loaded[v.s.Modules[i].Name] = &v.s.Modules[i]
	}
	for _, n := range needs() {
		m := loaded[n.module]
		asked := slices.IndexFunc(v.s.Missing, func(x asterisk.ShownMissing) bool {
			return x.Kind == "module" && strings.TrimSuffix(x.Name, ".so") == strings.TrimSuffix(n.module, ".so")
		})
		missing := m == nil && (asked >= 0 || v.s.HasWhole(asterisk.ShowModules) && n.when(v))
		stopped := m != nil && !m.Running && n.when(v)
		if !missing && !stopped {
			continue
		}
		v.told[n.module] = true
		out = append(out, v.module(n, m, asked))
	}
	return out
}

func (v *view) module(n need, m *asterisk.ShownModule, asked int) checks.Finding {
	f := checks.Finding{
		ID: "asterisk-state.module", Severity: n.severity, Confidence: checks.Certain, Subject: n.module,
		Args: words.Args{"module": n.module, "effect": n.effect, "loaded": m != nil},
	}
	switch {
	case m != nil:
		f.Evidence = v.quote(asterisk.ShowModules, m.Row)
	case asked >= 0:
		f.Evidence = v.quote(asterisk.ShowModules, v.s.Missing[asked].Row)
	default:
		f.Evidence = []checks.Evidence{checks.Proof(asterisk.ShowModules, n.module, words.Say("asterisk-state.evidence.not-listed", words.Args{"n": len(v.s.Modules)}))}
	}
	if m == nil {
		f.Fixes = fixes.Build("load-module", "", words.Args{"module": n.module}, command.Step{
			Do:   []command.Command{command.New("asterisk", "-rx").Option(loadModule, n.module)},
			Undo: []command.Command{command.New("asterisk", "-rx").Option(unloadModule, n.module)},
		})
	}
	return f
}

// chanSIPAbsent is about peers of sip.conf on a server without chan_sip, which is
// gone since Asterisk 21. Beside endpoints of PJSIP they are likely left over.
func chanSIPAbsent(v *view) []checks.Finding {
	if v.o.Configured.Peers == 0 || !v.s.Lacks(asterisk.ShowPeers) {
		return nil
	}
	f := checks.Finding{
		ID: "asterisk-state.no-chan-sip", Severity: checks.Critical, Confidence: checks.Certain,
		Args:     words.Args{"peers": v.o.Configured.Peers, "version": v.s.Version, "pjsip": pjsipUsed(v)},
		Evidence: []checks.Evidence{checks.Proof(asterisk.ShowPeers, nil, words.Say("asterisk-state.evidence.no-command", nil))},
	}
	if pjsipUsed(v) {
		f.Severity = checks.Info
	}
	return []checks.Finding{f}
}

// rtp is about settings of RTP that are in force.
func rtp(v *view) (out []checks.Finding) {
	r := v.s.RTP
	if r == nil {
		return nil
	}
	if r.Strict == "no" {
		out = append(out, checks.Finding{
			ID: "asterisk-state.strict-rtp-off", Severity: checks.Info, Confidence: checks.Certain,
			Evidence: []checks.Evidence{checks.Proof(setting("Strict RTP"), "Yes", "No")},
		})
	}
	web := slices.IndexFunc(v.s.Transports, func(t asterisk.ShownTransport) bool { return t.Protocol == "ws" || t.Protocol == "wss" })
	if r.ICE == "yes" && r.STUN == "" && web >= 0 {
		out = append(out, checks.Finding{
			ID: "asterisk-state.ice-without-stun", Severity: checks.Info, Confidence: checks.Possible,
			Evidence: append(v.quote(asterisk.ShowTransports, v.s.Transports[web].Row), checks.Proof(setting("STUN"), nil, words.Say("asterisk-state.evidence.none", nil))),
		})
	}
	return out
}

// setting names one of "rtp show settings".
func setting(name string) words.Text {
	return words.Say("asterisk-state.evidence.setting", words.Args{"command": asterisk.ShowRTP, "setting": name})
}
