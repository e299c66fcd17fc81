package asterisk

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/platform/words"
)

// said is what a technician reads of reasons.
func said(list []words.Reason) string {
	book := words.NewBook(map[string][]byte{"asterisk": Words()})
	var lines []string
	for _, r := range list {
		s, err := book.Fill(words.English, r.Text())
		if err != nil {
			s = err.Error()
		}
		lines = append(lines, s)
	}
	return strings.Join(lines, "\n")
}
