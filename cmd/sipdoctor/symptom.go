package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/symptom"
	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// symptomOptions are the flags of symptom: those of check, and its own.
type symptomOptions struct {
	checkOptions
	answers []string // QUESTION=ANSWER
	reports []string // weigh these instead of running checks
	at      string   // office, pbx; "": by what this machine looks like
}

func newSymptomCommand(s streams) *cobra.Command {
	var o symptomOptions
	cmd := &cobra.Command{
		Use: "symptom",
		Example: `  sipdoctor symptom
  sipdoctor symptom one-way audio --responder vps.example.net
  sipdoctor symptom calls drop after 30 seconds --profile megafon
  sipdoctor symptom phones offline --answer one=all
  sipdoctor capture call.pcap --format json | sipdoctor symptom dtmf --report -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				if err := o.validate(); err != nil {
					return err
				}
				return s.listSymptoms()
			}
			return o.run(cmd.Context(), s, strings.Join(args, " "))
		},
	}
	o.addFlags(cmd, s)
	f := cmd.Flags()
	f.StringArrayVar(&o.answers, "answer", nil, "")
	f.StringArrayVar(&o.reports, "report", nil, "")
	f.StringVar(&o.at, "at", "", "")
	completeFlag(cmd, "at", "office", "pbx")
	return cmd
}

// listSymptoms shows what can be complained about.
func (s streams) listSymptoms() error {
	var rows [][2]string
	for _, x := range symptom.All() {
		rows = append(rows, [2]string{x.ID, x.Title[s.lang()]})
	}
	if err := writeColumns(s.Out, lineWidth(s.Out), rows); err != nil {
		return err
	}
	return writeProse(s.Out, "\n"+s.say("say.symptom-how", nil)+"\n")
}

func (o *symptomOptions) run(ctx context.Context, s streams, complaint string) error {
	if err := o.validate(); err != nil {
		return err
	}
	x, err := oneSymptom(complaint)
	if err != nil {
		return err
	}
	answers, err := o.answered(x)
	if err != nil {
		return err
	}
	if answers, err = s.ask(x, answers); err != nil {
		return err
	}
	r, err := o.report(ctx, s, x)
	if err != nil {
		return err
	}
	r.Inputs.Checks = nil // nobody named them: one that cannot tell is weighed, and no failure
	r.Symptom = &checks.Symptom{ID: x.ID, Answers: answers}
	return o.finish(ctx, s, r)
}

func (o *symptomOptions) validate() error {
	if o.at != "" && o.at != "office" && o.at != "pbx" {
		return usage("say.symptom-at", words.Args{"at": words.Raw(o.at)})
	}
	return o.reporting.validate()
}

// oneSymptom is what is complained about.
func oneSymptom(complaint string) (symptom.Symptom, error) {
	found := symptom.Find(complaint)
	ids := namesOf(found, symptomID)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1 && len(found) <= 4:
		return symptom.Symptom{}, usage("say.symptom-which", words.Args{"words": words.Raw(complaint), "known": ids})
	}
	near := didYouMean(complaint, namesOf(symptom.All(), symptomID))
	return symptom.Symptom{}, usage("say.symptom-unknown", words.Args{"words": words.Raw(complaint), "near": near})
}

func symptomID(x symptom.Symptom) string { return x.ID }

// answered are the answers of the command line.
func (o *symptomOptions) answered(x symptom.Symptom) (map[string]string, error) {
	out := map[string]string{}
	for _, a := range o.answers {
		question, answer, ok := strings.Cut(a, "=")
		if !ok {
			return nil, usage("say.symptom-answer-form", words.Args{"answer": words.Raw(a)})
		}
		i := slices.IndexFunc(x.Questions, func(q symptom.Question) bool { return q.ID == question })
		if i < 0 {
			known := namesOf(x.Questions, func(q symptom.Question) string { return q.ID })
			return nil, usage("say.symptom-no-question", words.Args{"symptom": x.ID, "question": words.Raw(question), "known": known})
		}
		known := namesOf(x.Questions[i].Answers, func(a symptom.Answer) string { return a.ID })
		if !slices.Contains(known, answer) {
			return nil, usage("say.symptom-no-answer", words.Args{"question": question, "answer": words.Raw(answer), "known": known})
		}
		out[question] = answer
	}
	return out, nil
}

// ask asks what has not been answered, if somebody is there to answer. Nobody has
// to: an empty line leaves a question open.
func (s streams) ask(x symptom.Symptom, answers map[string]string) (map[string]string, error) {
	in, ok := s.In.(*os.File)
	if !ok || !isTerminal(in) || !isTerminal(s.Err) {
		return answers, nil
	}
	r, p := bufio.NewReader(in), &printer{w: s.Err}
	for _, q := range x.Questions {
		if answers[q.ID] != "" {
			continue
		}
		p.prose("", q.Ask[s.lang()])
		for i, a := range q.Answers {
			p.prose(fmt.Sprintf("  %d  ", i+1), a.Text[s.lang()])
		}
		for answers[q.ID] == "" {
			p.text(s.say("say.symptom-choose", words.Args{"n": len(q.Answers)}) + " ")
			line, err := r.ReadString('\n')
			line = strings.TrimSpace(line)
			if line == "" || err != nil {
				p.text("\n")
				break
			}
			if n, err := strconv.Atoi(line); err == nil && n >= 1 && n <= len(q.Answers) {
				answers[q.ID] = q.Answers[n-1].ID
			}
		}
	}
	return answers, p.err
}

// report is what the checks say that can tell, or what the given reports say.
func (o *symptomOptions) report(ctx context.Context, s streams, x symptom.Symptom) (*checks.Report, error) {
	if len(o.reports) > 0 {
		return o.saved(s.In)
	}
	role := map[netinfo.Role]string{netinfo.RolePBX: "pbx"}[netinfo.LooksLike(platform.ThisSystem())]
	if cmp.Or(o.at, role) == "pbx" {
		return o.atPBX(ctx, s, x.PBX)
	}
	job, err := o.job(ctx, slices.DeleteFunc(slices.Clone(x.Office), func(id string) bool { return slices.Contains(o.skip, id) }))
	if err != nil {
		return nil, err
	}
	if job.account, err = o.readAccount(ctx, s); err != nil {
		return nil, err
	}
	job.timeout = o.timeout
	p := newProgress(s, o.quiet, "say.progress-checking")
	defer p.end()
	return job.run(ctx, p), nil
}

// atPBX looks at the PBX that this machine is.
func (o *symptomOptions) atPBX(ctx context.Context, s streams, ids []string) (*checks.Report, error) {
	in := checks.Inputs{Checks: ids, Skip: o.skip, Profile: o.profile}
	list, err := choose("pbx", in)
	if err != nil {
		return nil, err
	}
	if err := addProfile(&in); err != nil {
		return nil, err
	}
	return o.look(ctx, s, "pbx", list, in, platform.ThisSystem()), nil
}

// saved puts saved reports together: the results of all, and of a check that several
// have the one that found a fault, else one that came to an end.
func (o *symptomOptions) saved(stdin io.Reader) (*checks.Report, error) {
	var all *checks.Report
	for _, name := range o.reports {
		r, err := readReport(stdin, name)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = r
			continue
		}
		for _, res := range r.Results {
			switch was := all.Result(res.Check); {
			case was == nil:
				all.Results = append(all.Results, res)
			case res.Status.Decided() && (!was.Status.Decided() || checks.Worse(was.Status, res.Status) != was.Status):
				*was = res
			}
		}
		all.Verdict = checks.Worse(all.Verdict, r.Verdict)
	}
	return all, nil
}
