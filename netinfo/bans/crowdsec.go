package bans

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sipdoctor/sipdoctor/netinfo/internal/nets"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// CrowdSec asks its local API, through cscli, for the decisions that concern an
// address. Only commands that stay on the machine are used: those about the hub
// go to the Internet.
//
// Source: cscli of CrowdSec 1.4.6, run; swagger of its local API.
func CrowdSec(ctx context.Context, sys platform.System, asked netip.Prefix, a *Answer) {
	alerts, ok := crowdSecDecisions(ctx, sys, asked, a)
	if !ok {
		return
	}
	a.has(LayerCrowdSec)
	for _, al := range alerts {
		for _, d := range al.Decisions {
			b, ok := d.ban(sys.Now(), al)
			if !ok || nets.Relation(b.Prefix, asked) == "" {
				continue
			}
			if al.ID != 0 && len(a.Bans) < maxReasons && d.Origin == "crowdsec" {
				b.Reasons = append(b.Reasons, crowdSecEvents(ctx, sys, al.ID, a)...)
			}
			a.ban(asked, b)
		}
	}
	crowdSecWhitelists(sys, asked, a)
}

// maxReasons bounds for how many decisions the events are fetched: each is a
// program run of some 100 ms.
const maxReasons = 3

// crowdSecDecisions asks about one address only, because the lists of the
// community hold tens of thousands. A bundle may have been made about another
// address; then the whole list serves, if it is there.
func crowdSecDecisions(ctx context.Context, sys platform.System, asked netip.Prefix, a *Answer) ([]alert, bool) {
	list := []string{"decisions", "list", "-a", "-o", "json"}
	var commands [][]string
	if asked.IsSingleIP() {
		commands = [][]string{append(slices.Clone(list), "--ip", asked.Addr().String())}
	} else { // what covers the network, and what is in it
		commands = [][]string{
			append(slices.Clone(list), "--range", asked.String()),
			append(slices.Clone(list), "--range", asked.String(), "--contained"),
		}
	}
	if !sys.Live() {
		commands = append(commands, list)
	}
	var alerts []alert
	found := false
	for _, c := range commands {
		out, ok := a.run(ctx, sys, "cscli", c...)
		if !ok {
			continue
		}
		more, err := parseAlerts(out)
		if err != nil {
			a.odd("cscli "+strings.Join(c, " "), err)
			continue
		}
		found = true
		for _, m := range more {
			if !slices.ContainsFunc(alerts, func(have alert) bool { return have.ID == m.ID && m.ID != 0 }) {
				alerts = append(alerts, m)
			}
		}
	}
	return alerts, found
}

// alert is what CrowdSec saw, with the decisions it came to.
type alert struct {
	ID        int        `json:"id"`
	CreatedAt string     `json:"created_at"`
	Message   string     `json:"message"`
	Decisions []decision `json:"decisions"`
	Seen      []struct {
		Timestamp string `json:"timestamp"`
		Meta      []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"meta"`
	} `json:"events"`
}

type decision struct {
	ID        int    `json:"id"`
	Duration  string `json:"duration"` // what is left of it
	Origin    string `json:"origin"`   // crowdsec, cscli, cscli-import, CAPI, lists
	Scenario  string `json:"scenario"`
	Scope     string `json:"scope"`
	Simulated bool   `json:"simulated"`
	Type      string `json:"type"` // ban, captcha, throttle
	Value     string `json:"value"`
}

// parseAlerts reads a list of alerts, one alert, or "null" for none.
func parseAlerts(b []byte) (list []alert, err error) {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '{' {
		var one alert
		err = json.Unmarshal(b, &one)
		return []alert{one}, err
	}
	return list, json.Unmarshal(b, &list)
}

func (d decision) ban(now time.Time, al alert) (Ban, bool) {
	p, ok := nets.Parse(d.Value)
	left, err := time.ParseDuration(d.Duration)
	if !ok || err == nil && left <= 0 {
		return Ban{}, false
	}
	b := Ban{
		Layer: LayerCrowdSec, Where: fmt.Sprintf("cscli decisions list, id %d", d.ID), Name: d.Scenario, Prefix: p, Effect: ViaFilter,
		Object: fmt.Sprintf("%s %s %s (%s)", d.Type, strings.ToLower(d.Scope), d.Value, d.Origin),
	}
	if err == nil {
		b.Until = now.Add(left).Truncate(time.Second)
	}
	b.Since = crowdSecTime(al.CreatedAt)
	if al.Message != "" {
		b.Reasons = []string{al.Message}
	}
	duration := "4h"
	if err == nil {
		duration = left.Truncate(time.Second).String()
	}
	free, undo := command.New("cscli", "decisions", "delete", "--ip"), command.New("cscli", "decisions", "add", "--ip")
	if strings.EqualFold(d.Scope, "range") {
		free, undo = command.New("cscli", "decisions", "delete", "--range"), command.New("cscli", "decisions", "add", "--range")
	}
	b.Free = only(free.Values(d.Value))
	b.Undo = only(undo.Values(d.Value).Words("--duration").Values(duration).Words("--type").Values(d.Type).Words("--reason").Values(d.Scenario))
	switch {
	case d.Simulated:
		b.Effect, b.Note = NotSIP, because("crowdsec-simulated")
	case d.Type != "ban":
		b.Note = because("crowdsec-type", "type", d.Type)
	case d.Origin == "CAPI" || d.Origin == "lists":
		b.Note = because("crowdsec-shared")
	}
	return b, true
}

// crowdSecTime reads both notations that one and the same listing has.
func crowdSecTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05.999999999 -0700 MST"} {
		if t, err := time.Parse(layout, s); err == nil {
			return platform.PlausibleTime(t.UTC())
		}
	}
	return time.Time{}
}

// crowdSecEvents words what CrowdSec kept of the log lines that led to an alert.
func crowdSecEvents(ctx context.Context, sys platform.System, id int, a *Answer) (list []string) {
	out, ok := a.run(ctx, sys, "cscli", "alerts", "inspect", fmt.Sprint(id), "-d", "-o", "json")
	if !ok {
		return nil
	}
	alerts, err := parseAlerts(out)
	if err != nil || len(alerts) == 0 {
		return nil
	}
	for _, e := range alerts[0].Seen {
		words := []string{e.Timestamp}
		for _, m := range e.Meta {
			switch m.Key { // what a person needs of some twenty keys
			case "log_type", "service", "target_user", "username", "asterisk_service", "message", "source_ip":
				words = append(words, m.Key+"="+m.Value)
			}
		}
		if list = append(list, strings.Join(words, " ")); len(list) == 10 { // as many as fail2ban keeps
			break
		}
	}
	return list
}

// crowdSecWhitelists finds the address in the whitelists of the parsers.
func crowdSecWhitelists(sys platform.System, asked netip.Prefix, a *Answer) {
	names, _ := sys.Glob("/etc/crowdsec/parsers/s02-enrich/*.yaml")
	for _, name := range names {
		b, ok := a.file(sys, name)
		if !ok {
			continue
		}
		var file struct {
			Whitelist struct {
				IP   []yaml.Node `yaml:"ip"`
				CIDR []yaml.Node `yaml:"cidr"`
			} `yaml:"whitelist"`
		}
		if err := yaml.Unmarshal(b, &file); err != nil {
			a.odd(name, err)
		}
		for _, item := range slices.Concat(file.Whitelist.IP, file.Whitelist.CIDR) {
			p, _ := nets.Parse(item.Value)
			a.allow(asked, Allow{Layer: LayerCrowdSec, Where: fmt.Sprintf("%s:%d", name, item.Line), Object: item.Value, Prefix: p})
		}
	}
}
