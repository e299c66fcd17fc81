// Package bans reads the lists, besides fail2ban and the packet filter itself,
// in which an address can be kept from a server: CrowdSec, firewalld, ufw, CSF,
// APF, sshguard, DenyHosts, hosts.deny, routes, FreePBX's recent lists and
// Kamailio's tables. Each ban comes with the commands that take it away and put
// it back. Nothing here changes the machine, and every reader works on a
// support bundle.
package bans

import (
	"context"
	_ "embed"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// The layers, as the report calls them.
const (
	LayerCrowdSec  = "crowdsec"
	LayerFirewalld = "firewalld"
	LayerUFW       = "ufw"
	LayerCSF       = "csf"
	LayerAPF       = "apf"
	LayerSSHGuard  = "sshguard"
	LayerDenyHosts = "denyhosts"
	LayerHostsDeny = "hosts.deny"
	LayerRoute     = "route"
	LayerRecent    = "xt_recent"
	LayerKamailio  = "kamailio"
)

//go:embed words.yaml
var ownWords []byte

// Words returns the messages of this package, whose IDs begin with "bans.".
func Words() []byte { return ownWords }

func because(id string, namesAndValues ...string) words.Reason {
	return words.Because("bans."+id, namesAndValues...)
}

// Ban is one entry of a layer that keeps an address out.
type Ban struct {
	Layer  string `json:"layer"`
	Where  string `json:"where"`          // FILE:LINE, or the command that shows it
	Object string `json:"object"`         // the entry as the layer writes it
	Name   string `json:"name,omitempty"` // jail, scenario, zone, list

	Prefix netip.Prefix `json:"prefix"`
	// Relation of Prefix to what was asked about: "exact", "covering" (the ban
	// is wider) or "covered" (only part of the network asked about is banned).
	Relation string `json:"relation"`

	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"` // zero: until it is lifted by hand, or unknown
	Reasons []string  `json:"reasons,omitempty"`

	// Effect says whether it stops SIP by itself.
	Effect Effect            `json:"effect"`
	Free   []command.Command `json:"free,omitempty"`  // take the ban away
	Undo   []command.Command `json:"undo,omitempty"`  // put it back
	Note   words.Reason      `json:"note,omitempty"`  // why it does not stop SIP
	Cause  words.Reason      `json:"cause,omitempty"` // why it is there, besides Reasons
}

// Effect says whether a ban stops SIP by itself.
type Effect string

// The effects.
const (
	BlocksSIP Effect = "blocks"     // it stops SIP from this address
	NotSIP    Effect = "not-sip"    // it is about other services
	ViaFilter Effect = "via-filter" // it stops what the loaded packet filter rules stop for it
)

// Allow is an entry of a layer that lets an address in.
type Allow struct {
	Layer    string       `json:"layer"`
	Where    string       `json:"where"`
	Object   string       `json:"object"`
	Prefix   netip.Prefix `json:"prefix"`
	Relation string       `json:"relation"`
}

// Answer is what the layers say of one address or network.
type Answer struct {
	Bans   []Ban          `json:"bans,omitempty"`
	Allows []Allow        `json:"allows,omitempty"`
	Layers []string       `json:"layers,omitempty"` // the layers this machine has
	Notes  []words.Reason `json:"notes,omitempty"`  // what could not be read, and what that hides
	// Silent are the layers of which it is not known whether they hold the
	// address, and whose bans nothing else shows: their program hung.
	Silent []string `json:"silent,omitempty"`
}

// The relations.
const (
	Exact    = nets.Exact
	Covering = nets.Covering
	Covered  = nets.Covered
)

// maxBans bounds one layer's answer: about a wide network there may be tens of
// thousands of entries, and a person reads the first.
const maxBans = 200

// reader is one layer. It adds what it finds to the answer.
type reader func(ctx context.Context, sys platform.System, asked netip.Prefix, a *Answer)

// Find asks every layer but the recent lists (FromRecent takes those, which the
// packet filter's reader has) about an address or a network. The layers are
// read side by side.
func Find(ctx context.Context, sys platform.System, asked netip.Prefix) Answer {
	asked = nets.Normal(asked)
	readers := []reader{CrowdSec, Firewalld, UFW, CSF, APF, SSHGuard, DenyHosts, TCPWrappers, Routes, Kamailio}
	answers := make([]Answer, len(readers))
	var wg sync.WaitGroup
	for i, read := range readers {
		wg.Go(func() { read(ctx, sys, asked, &answers[i]) })
	}
	wg.Wait()
	var all Answer
	for _, a := range answers {
		all.Bans = append(all.Bans, a.Bans...)
		all.Allows = append(all.Allows, a.Allows...)
		all.Layers = append(all.Layers, a.Layers...)
		all.Notes = append(all.Notes, a.Notes...)
		all.Silent = append(all.Silent, a.Silent...)
	}
	return all
}

// Normal is p without host bits, and IPv4 where it is IPv4 written as IPv6.
func Normal(p netip.Prefix) netip.Prefix { return nets.Normal(p) }

// ban adds b if it concerns what was asked about.
func (a *Answer) ban(asked netip.Prefix, b Ban) {
	if b.Relation = nets.Relation(b.Prefix, asked); b.Relation == "" {
		return
	}
	count := 0
	for _, have := range a.Bans {
		if have.Layer == b.Layer {
			count++
		}
	}
	if count == maxBans {
		a.note(because("too-many", "layer", b.Layer, "network", asked.String(), "count", strconv.Itoa(maxBans)))
	}
	if count < maxBans {
		a.Bans = append(a.Bans, b)
	}
}

func (a *Answer) allow(asked netip.Prefix, l Allow) {
	if l.Relation = nets.Relation(l.Prefix, asked); l.Relation != "" && len(a.Allows) < maxBans {
		a.Allows = append(a.Allows, l)
	}
}

func (a *Answer) has(layer string) {
	if !slices.Contains(a.Layers, layer) {
		a.Layers = append(a.Layers, layer)
	}
}

func (a *Answer) note(r words.Reason) {
	if !slices.Contains(a.Notes, r) {
		a.Notes = append(a.Notes, r)
	}
}

// odd notes what cannot be understood.
func (a *Answer) odd(what string, err error) {
	a.note(because("odd", "what", what) + platform.Words(err).Reason().As("why"))
}

// maxListFile bounds a list that is read: 64 MiB are two million addresses.
const maxListFile = 64 << 20

// file reads one file of a layer. A missing one is not noted; one that may not be
// read is.
func (a *Answer) file(sys platform.System, name string) ([]byte, bool) {
	b, err := platform.ReadSystemFile(sys, name, maxListFile)
	if err == nil {
		return b, true
	}
	if !errors.Is(err, fs.ErrNotExist) {
		a.note(unread(name, err))
	}
	return nil, false
}

func unread(what string, err error) words.Reason {
	if errors.Is(err, platform.ErrPrivilege) {
		return because("root-only", "what", what)
	}
	return platform.Words(err).Reason()
}

// run asks a program of a layer.
func (a *Answer) run(ctx context.Context, sys platform.System, program string, args ...string) ([]byte, bool) {
	out, err := sys.Run(ctx, program, args...)
	if err == nil {
		return out, true
	}
	if !errors.Is(err, fs.ErrNotExist) {
		a.note(unread(strings.Join(append([]string{program}, args...), " "), err))
	}
	return out, false
}
