package packetfilter_test

import (
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// said is what a technician reads of a reason.
func said(r words.Reason) string {
	s, err := words.NewBook(map[string][]byte{"packetfilter": packetfilter.Words()}).Fill(words.English, r.Text())
	if err != nil {
		return err.Error()
	}
	return s
}

func allSaid(list []words.Reason) (all []string) {
	for _, r := range list {
		all = append(all, said(r))
	}
	return all
}

// Every message is there in every language.
func TestWordsAreComplete(t *testing.T) {
	if err := words.NewBook(map[string][]byte{"packetfilter": packetfilter.Words()}).Problems(); err != nil {
		t.Error(err)
	}
}
