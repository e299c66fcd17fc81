package fail2ban

import (
	"context"
	"slices"
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// details asks for the settings of the running jails.
func (r *reader) details(ctx context.Context) {
	if r.ask == nil {
		return
	}
	var jails []string
	for i := range r.state.Jails {
		j := &r.state.Jails[i]
		if j.Running {
			jails = append(jails, j.Name)
		}
	}
	options := []string{"maxretry", "findtime", "bantime", "ignoreip", "actions"}
	var questions [][]string
	for _, name := range jails {
		for _, o := range options {
			questions = append(questions, []string{"get", name, o})
		}
	}
	replies := r.askAll(ctx, because("jail-settings"), questions)
	for i, name := range jails {
		if replies != nil {
			r.jail(name).settings(replies[i*len(options) : (i+1)*len(options)])
			r.acts[name] = replies[i*len(options)+4].err == nil
		}
	}
	r.actionSettings(ctx)
}

// settings takes the answers to maxretry, findtime, bantime, ignoreip, actions.
func (j *Jail) settings(replies []reply) {
	if n, ok := replies[0].number(); ok {
		j.MaxRetry = int(n)
	}
	if n, ok := replies[1].number(); ok {
		j.FindTime = n
	}
	if n, ok := replies[2].number(); ok {
		j.BanTime = n
	}
	if replies[3].err == nil {
		j.IgnoreIP = replies[3].items()
	}
	if replies[4].err != nil {
		return
	}
	var live []Action
	for _, name := range replies[4].items() {
		i := slices.IndexFunc(j.Actions, func(a Action) bool { return a.Name == name })
		if i < 0 && len(j.Actions) == 1 && strings.HasPrefix(name, j.Actions[0].File) {
			i = 0 // named otherwise by another version
		}
		if i >= 0 {
			a := j.Actions[i]
			a.Name = name
			live = append(live, a)
		} else {
			live = append(live, Action{Name: name, Blocks: blocks(name, "")})
		}
	}
	j.Actions = live
}

// actionSettings asks what the actions of the SIP jails cover as they run; the
// files may have changed since. An action is asked only for what it has.
func (r *reader) actionSettings(ctx context.Context) {
	if !r.atLeast(0, 9, 0) {
		return
	}
	type place struct {
		jail     string
		action   *Action
		property string
	}
	var actions, at []place
	var questions [][]string
	for i := range r.state.Jails {
		j := &r.state.Jails[i]
		for k := range j.Actions {
			if j.SIP && j.Running && len(actions) < 50 {
				actions = append(actions, place{jail: j.Name, action: &j.Actions[k]})
				questions = append(questions, []string{"get", j.Name, "actionproperties", j.Actions[k].Name})
			}
		}
	}
	replies := r.askAll(ctx, because("action-settings"), questions)
	questions = nil
	for i := range replies {
		for _, property := range replies[i].items() {
			if p := actions[i]; slices.Contains([]string{"port", "protocol", "name", "actionban", "actionstart"}, property) {
				p.property = property
				at = append(at, p)
				questions = append(questions, []string{"get", p.jail, "action", p.action.Name, property})
			}
		}
	}
	for i, reply := range r.askAll(ctx, because("action-settings"), questions) {
		if reply.err == nil {
			at[i].action.live(at[i].property, reply.single())
		}
	}
}

// askAll puts questions and returns as many answers, or none.
func (r *reader) askAll(ctx context.Context, what words.Reason, questions [][]string) []reply {
	if len(questions) == 0 {
		return nil
	}
	replies, err := r.ask(ctx, questions...)
	r.note(what, err)
	if len(replies) != len(questions) {
		return nil
	}
	return replies
}

// live takes a property of a running action.
func (a *Action) live(property, value string) {
	if value == "" {
		return
	}
	switch property {
	case "port":
		a.Port = value
	case "protocol":
		a.Protocol = value
	case "name":
		a.Object = value
	default:
		a.Blocks = a.Blocks || blocks("", strings.ToLower(value))
	}
}
