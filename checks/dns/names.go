package dns

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// maxNames bounds how many names one run asks for; a profile has a handful.
const maxNames = 16

// namesOf lists the hosts that the run needs, other than addresses.
func namesOf(env *checks.Env) []Name {
	var out []Name
	add := func(value, what string, sip, builtin bool) {
		at, err := netinfo.ParseHostPort(value)
		if _, isAddr := at.Addr(); err != nil || isAddr || len(out) == maxNames {
			return
		}
		host := strings.ToLower(at.Host)
		if i := slices.IndexFunc(out, func(n Name) bool { return n.Host == host }); i >= 0 {
			out[i].SIP, out[i].Builtin = out[i].SIP || sip, out[i].Builtin && builtin
			return
		}
		out = append(out, Name{Host: host, For: what, SIP: sip, Port: at.Port, Builtin: builtin})
	}
	for _, s := range env.Inputs.SIPServers {
		add(s, forSIP, true, false)
	}
	add(env.Inputs.Responder, forResponder, false, false)
	for _, s := range env.STUNServers() {
		add(s, forSTUN, false, len(env.Inputs.STUN) == 0)
	}
	return out
}

// askSystem looks the names up as every program of this machine does.
func askSystem(ctx context.Context, env *checks.Env, names []Name) []Name {
	ctx, cancel := context.WithTimeout(ctx, nameBudget)
	defer cancel()
	out := slices.Clone(names)
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() {
			var err error
			if out[i].System, err = env.Net.LookupAddrs(ctx, out[i].Host); err != nil {
				out[i].System, out[i].SystemError = nil, platform.Words(err)
			}
		})
	}
	wg.Wait()
	return out
}

// nonsenseNames are two names that do not exist, each for one kind of liar:
// .invalid never exists (RFC 6761, section 6.4), so an honest server need not
// ask anybody; example.com exists, is nobody's, and has no such host.
func nonsenseNames() []string {
	word := strings.ToLower(rand.Text()[:16])
	return []string{fmt.Sprintf("sipdoctor-%s.invalid", word), fmt.Sprintf("sipdoctor-%s.example.com", word)}
}
