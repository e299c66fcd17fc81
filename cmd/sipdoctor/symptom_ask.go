package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/sipdoctor/sipdoctor/cmd/sipdoctor/symptom"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// ask asks what has not been answered, if somebody is there to answer, and shows what
// the words of the complaint were taken for. Nobody has to answer: an empty line leaves
// a question open.
func (s streams) ask(ctx context.Context, x symptom.Symptom, said, answers map[string]string) error {
	in, ok := s.In.(*os.File)
	if !ok || !isTerminal(in) || !isTerminal(s.Err) {
		return nil
	}
	lines, p := bufio.NewReader(in), &printer{w: s.Err}
	for _, q := range x.Questions {
		if said[q.ID] != "" && said[q.ID] == answers[q.ID] {
			p.prose("", s.say("say.symptom-said", words.Args{"question": q.Ask[s.lang()], "answer": q.Text(answers[q.ID], s.lang())}))
		}
		if answers[q.ID] != "" {
			continue
		}
		p.prose("", q.Ask[s.lang()])
		for i, a := range q.Answers {
			p.prose(fmt.Sprintf("  %d  ", i+1), a.Text[s.lang()])
		}
		for answers[q.ID] == "" {
			p.text(s.say("say.symptom-choose", words.Args{"n": len(q.Answers)}) + " ")
			line, err := readLine(ctx, lines)
			switch n, _ := strconv.Atoi(line); {
			case ctx.Err() != nil:
				p.text("\n")
				return exitWith(statusInconclusive)
			case n >= 1 && n <= len(q.Answers):
				answers[q.ID] = q.Answers[n-1].ID
			}
			if line == "" || err != nil {
				p.text("\n")
				break
			}
		}
	}
	return p.err
}

// readLine reads a line until ctx ends. It may leave a read behind, which the end of the
// process ends.
func readLine(ctx context.Context, r *bufio.Reader) (string, error) {
	type result struct {
		line string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := r.ReadString('\n')
		read <- result{strings.TrimSpace(line), err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case got := <-read:
		return got.line, got.err
	}
}
