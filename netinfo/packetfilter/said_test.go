package packetfilter_test

import (
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
