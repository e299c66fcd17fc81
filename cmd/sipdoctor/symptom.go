package main

import (
	"cmp"
	"context"
	"io"
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
	r, err := o.saved(s.In)
	if err != nil {
		return err
	}
	said := x.Said(complaint)
	for _, known := range []map[string]string{said, answersIn(r, x)} {
		for _, q := range x.Questions {
			if answers[q.ID] == "" && q.Text(known[q.ID], words.English) != "" {
				answers[q.ID] = known[q.ID]
			}
		}
	}
	if err := s.ask(ctx, x, said, answers); err != nil {
		return err
	}
	if r == nil {
		if r, err = o.report(ctx, s, x); err != nil {
			return err
		}
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
	if code := responseCode(complaint); code != 0 {
		return symptom.Symptom{}, usage("say.symptom-code", words.Args{"words": words.Raw(complaint), "code": code})
	}
	near := didYouMean(complaint, namesOf(symptom.All(), symptomID))
	return symptom.Symptom{}, usage("say.symptom-unknown", words.Args{"words": words.Raw(complaint), "near": near})
}

// responseCode is the code of a refusal that a complaint names; 0 is none.
func responseCode(complaint string) int {
	for w := range strings.FieldsSeq(complaint) {
		if n, err := strconv.Atoi(w); err == nil && n >= 300 && n < 700 {
			return n
		}
	}
	return 0
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

// answersIn are those that a saved report has, if it is about the same complaint.
func answersIn(r *checks.Report, x symptom.Symptom) map[string]string {
	if r == nil || r.Symptom == nil || r.Symptom.ID != x.ID {
		return nil
	}
	return r.Symptom.Answers
}

// report is what the checks say that can tell.
func (o *symptomOptions) report(ctx context.Context, s streams, x symptom.Symptom) (*checks.Report, error) {
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

// saved are the reports to weigh, put together; nil if there are none.
func (o *symptomOptions) saved(stdin io.Reader) (*checks.Report, error) {
	var list []*checks.Report
	for _, name := range o.reports {
		r, err := readReport(stdin, name)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return checks.Join(list), nil
}
