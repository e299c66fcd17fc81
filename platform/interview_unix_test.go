//go:build unix

package platform

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// interviewOf puts words to a program that answers each line.
func interviewOf(words ...string) Exchange {
	x := Exchange{
		Program: "teller", Command: []string{"-i"}, Goodbye: []byte("bye\n"), Limit: 1000,
		Split: func(printed []byte, n int) ([][]byte, error) {
			return bytes.SplitAfter(bytes.TrimSuffix(printed, []byte("\n")), []byte("\n")), nil
		},
		Decode: func(b []byte) ([]byte, error) {
			if bytes.HasPrefix(b, []byte("what?")) {
				return nil, errors.New("refused")
			}
			return b, nil
		},
	}
	for _, w := range words {
		x.Questions = append(x.Questions, Question{Args: []string{"tell", w}, Request: []byte(w + "\n")})
	}
	return x
}

// All questions go to one run of a program; its complaints stand where it made
// them. A bundle has each answer under its question, as if it had been put alone.
func TestManyQuestionsToOneProgram(t *testing.T) {
	dir := programs(t, map[string]string{"teller": `echo start >>$(dirname $0)/starts
while read -r word; do
	case $word in
	bye) exit 0 ;;
	nonsense) echo "what?" >&2 ;;
	*) echo "$word!" ;;
	esac
done`})
	c := Collect(ThisSystem(), "1.2.3")
	answers, err := c.Exchange(t.Context(), interviewOf("one", "nonsense", "two"))
	if err != nil || len(answers) != 3 || string(answers[0].Text) != "one!\n" || answers[1].Err == nil || strings.TrimSpace(string(answers[2].Text)) != "two!" {
		t.Fatalf("%q, %v", answers, err)
	}
	if starts, err := os.ReadFile(filepath.Join(dir, "starts")); err != nil || string(starts) != "start\n" {
		t.Errorf("started: %q, %v", starts, err)
	}
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	var b bytes.Buffer
	if err := errors.Join(c.Write(&b, false, nil), os.WriteFile(file, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	saved, err := OpenBundle(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := saved.(Exchanger).Exchange(t.Context(), interviewOf("one", "nonsense", "two"))
	if err != nil || string(again[0].Text) != "one!\n" || again[1].Err == nil || strings.TrimSpace(string(again[2].Text)) != "two!" {
		t.Errorf("from the bundle: %q, %v", again, err)
	}
	if out, err := saved.Run(t.Context(), "teller", "tell", "one"); err != nil || string(out) != "one!\n" {
		t.Errorf("asked alone: %q, %v", out, err)
	}
}

// Too few answers are none; a program that hangs costs its patience once.
func TestAnInterviewThatFails(t *testing.T) {
	programs(t, map[string]string{"teller": `read -r word; [ "$word" = hang ] && sleep 600; [ "$word" = fail ] && { echo "no luck" >&2; exit 3; }; echo "$word!"`})
	s := ThisSystem().(Exchanger)
	if answers, err := s.Exchange(t.Context(), interviewOf("one", "two")); err == nil || len(answers) > 0 {
		t.Errorf("one answer to two questions: %q", answers)
	}
	if _, err := s.Exchange(t.Context(), interviewOf("fail")); err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("a program that complains: %v", err)
	}
	for _, most := range []time.Duration{programPatience("teller") + 900*time.Millisecond, 100 * time.Millisecond} {
		begin := time.Now()
		if _, err := s.Exchange(t.Context(), interviewOf("hang")); !errors.Is(err, ErrNoAnswer) || time.Since(begin) > most {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	}
}
