package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/responder/reports"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/render"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// siteKeyVar may hold the key of --site. A flag for it would show it to everybody
// who lists this machine's processes.
const siteKeyVar = "SIPDOCTOR_SITE_KEY"

// The bounds of --every. A run costs some hundred packets and 10 s; a responder shows
// what a site said for a day.
const (
	shortestEvery = time.Minute
	longestEvery  = 12 * time.Hour
)

// pushOptions are the flags of check about runs without a person who looks on.
type pushOptions struct {
	every, jitter         time.Duration
	reportTo, reportPrint string
	site, siteKeyFile     string
	siteKey               reports.Key
}

func (o *pushOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var((*duration)(&o.every), "every", "")
	f.Var((*duration)(&o.jitter), "jitter", "")
	f.StringVar(&o.reportTo, "report-to", "", "")
	f.StringVar(&o.reportPrint, "report-fingerprint", "", "")
	f.StringVar(&o.site, "site", "", "")
	f.StringVar(&o.siteKeyFile, "site-key-file", "", "")
}

// agent reports whether the run is an agent's.
func (o *pushOptions) agent() bool { return o.every > 0 || o.reportTo != "" }

func (o *pushOptions) validate() error {
	needs := func(flag, other string) error {
		return usage("say.flag-needs", words.Args{"flag": flag, "other": other})
	}
	switch {
	case o.every != 0 && (o.every < shortestEvery || o.every > longestEvery):
		return usage("say.every", words.Args{"every": o.every.String()})
	case o.jitter != 0 && o.every == 0:
		return needs("--jitter", "--every")
	case o.jitter < 0 || o.jitter > 0 && o.jitter >= o.every:
		return usage("say.jitter", words.Args{"jitter": o.jitter.String()})
	case o.reportTo == "" && o.site != "":
		return needs("--site", "--report-to")
	case o.reportTo == "" && o.siteKeyFile != "":
		return needs("--site-key-file", "--report-to")
	case o.reportTo == "" && o.reportPrint != "":
		return needs("--report-fingerprint", "--report-to")
	case o.reportTo == "":
		return nil
	case o.site == "":
		return needs("--report-to", "--site")
	case !reports.ValidSite(o.site):
		return usage("say.site-name", words.Args{"site": words.Raw(o.site)})
	}
	if err := validHostPort("report-to", o.reportTo); err != nil {
		return err
	}
	if _, err := readFingerprint(o.reportPrint); err != nil {
		return err
	}
	return o.readKey()
}

func (o *pushOptions) readKey() error {
	text := []byte(os.Getenv(siteKeyVar))
	if o.siteKeyFile != "" {
		var err error
		if text, err = platform.ReadSmallFile(o.siteKeyFile, maxPassword); err != nil {
			return usage("say.site-key-file", words.Args{"file": o.siteKeyFile, "why": cause(err)})
		}
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return usage("say.site-key-missing", words.Args{"variable": siteKeyVar})
	}
	var ok bool
	if o.siteKey, ok = reports.ParseKey(strings.TrimSpace(string(text))); !ok {
		return usage("say.site-key-bad", nil)
	}
	return nil
}

// mail is where an agent's reports go.
type mail struct {
	office         *reports.Office
	push           func(ctx context.Context, body []byte, later int) (reports.Answer, error) // the office's
	queue          *reports.Queue
	to             string
	unlock         func()
	noted, unsaved bool // what the user should know of the certificate, and of the disk, was said
}

// mail opens what --report-to names; nil where there is none. Nothing is sent yet.
func (o *checkOptions) mail(ctx context.Context, s streams, n platform.Network) (*mail, error) {
	if o.reportTo == "" {
		return nil, nil
	}
	print, err := readFingerprint(o.reportPrint)
	if err != nil {
		return nil, err
	}
	m := &mail{to: o.reportTo, unlock: func() {}}
	if m.office, err = reports.NewOffice(n, o.reportTo, print); err != nil {
		return nil, usageOf(err)
	}
	m.office.Site, m.office.Key, m.push = o.site, o.siteKey, m.office.Push
	dir := platform.ServiceStateDir()
	if dir != "" {
		unlock, err := platform.Lock(dir, "agent-"+o.site+".lock")
		switch {
		case errors.Is(err, platform.ErrLocked):
			return nil, failure("say.agent-twice", words.Args{"site": o.site})
		case err != nil:
			s.warn(words.Say("say.agent-not-kept", words.Args{"why": cause(err)}))
			dir = ""
		default:
			m.unlock = unlock
		}
	}
	if err := m.takeName(ctx, dir); err != nil {
		s.warn(words.Say("say.agent-not-kept", words.Args{"why": cause(err)}))
	}
	if m.queue, err = reports.OpenQueue(dir, o.site); err != nil {
		s.warn(words.Say("say.agent-unsent-lost", words.Args{"why": cause(err)}))
	}
	return m, nil
}

// agentFile keeps the name of this installation.
const agentFile = "agent"

// takeName names this installation as its last start did, so that it is not taken for
// two. dir "" keeps nothing.
func (m *mail) takeName(ctx context.Context, dir string) error {
	machine, _ := platform.Hostname(ctx, platform.ThisSystem()) // "" is a name as well
	m.office.Agent = reports.AgentOf(m.office.Key, machine)
	if dir == "" {
		return nil
	}
	raw, err := platform.ReadKept(dir, agentFile)
	name := strings.TrimSpace(string(raw))
	switch {
	case err == nil && reports.ValidAgent(name):
		m.office.Agent = name
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	name = reports.NewAgent() // machines that go by the same name are told apart
	if err := platform.Keep(dir, agentFile, []byte(name+"\n")); err != nil {
		return err
	}
	m.office.Agent = name
	return nil
}

// post sends a report, if there is one, and those that wait; the outcome says what became
// of them. What waits is kept for the next start as well.
func (m *mail) post(ctx context.Context, s streams, r *checks.Report) agentOutcome {
	dropped := 0
	if r != nil {
		body, why := packed(r)
		if why != nil {
			return agentOutcome{said: words.Say("say.agent-unwritten", words.Args{"why": why}), left: m.queue.Len() > 0, lost: true}
		}
		dropped = m.queue.Add(body)
		m.save(s) // sending may take minutes, and the power may go
	}
	out := m.queue.Drain(ctx, m.push)
	m.save(s)
	m.warn(s, out)
	return agentOutcome{said: m.said(out, dropped), left: m.queue.Len() > 0, lost: dropped+out.Refused > 0}
}

// packed is a report as it is sent, or why it cannot be.
func packed(r *checks.Report) (body []byte, why any) {
	var b bytes.Buffer
	if err := render.JSON(&b, r, render.JSONOptions{NoObserved: true, Line: true}); err != nil {
		return nil, cause(err)
	}
	body, err := reports.Pack(b.Bytes())
	if err != nil {
		return nil, words.Say("say.push-code", words.Args{"code": string(reports.TooLarge)})
	}
	return body, nil
}

// warn says what an administrator should do something about: each of it once, another
// agent as long as it reports.
func (m *mail) warn(s streams, out reports.Outcome) {
	if !m.noted {
		for _, note := range m.office.Notes() {
			s.warn(note.Message())
			m.noted = true
		}
	}
	if out.Other != nil {
		s.warn(words.Say("say.agent-other", words.Args{
			"site": m.office.Site, "address": out.Other.Address, "time": out.Other.At.UTC().Format(time.RFC3339),
		}))
	}
}

// save keeps what waits for the next start. That it cannot be is said once.
func (m *mail) save(s streams) {
	if err := m.queue.Save(); err != nil && !m.unsaved {
		s.warn(words.Say("say.agent-unsent-lost", words.Args{"why": cause(err)}))
		m.unsaved = true
	}
}

func (m *mail) said(out reports.Outcome, dropped int) words.Text {
	if out.Delivered() {
		return words.Say("say.agent-sent", words.Args{"older": out.Sent - 1, "to": m.to, "dropped": dropped})
	}
	var why any = words.Say("say.push-code", words.Args{"code": string(out.Code)})
	if out.Err != nil {
		why = cause(out.Err)
	}
	return words.Say("say.agent-waiting", words.Args{
		"to": m.to, "why": why, "sent": out.Sent, "left": m.queue.Len(), "refused": out.Refused, "dropped": dropped, "most": reports.MaxWaiting,
	})
}
