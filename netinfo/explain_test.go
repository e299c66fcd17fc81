package netinfo

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhateverWasReadIsExplained(t *testing.T) {
	for text, want := range map[string][]string{
		"403":                                  {"sip 403 Forbidden"},
		"SIP/2.0 403 Wrong Guess":              {"sip 403 Wrong Guess"},
		"sip 403":                              {"sip 403 Forbidden"},
		"403 wrong guess":                      {"sip 403 Wrong Guess"},
		"wrong guess":                          {"sip 403 Wrong Guess"},
		"403 Wrong":                            {"sip 403 Wrong Guess", "sip 403 Forbidden"},
		"403 Nobody has ever said this":        {"sip 403 Forbidden"},
		"699":                                  {"sip 699 "},
		"102":                                  {"sip 102 ", "cause 102 Recovery on timer expiry"},
		"16":                                   {"cause 16 Normal call clearing"},
		"Reason: Q.850;cause=17;text=\"busy\"": {"cause 17 User busy"},
		"X-Asterisk-HangupCauseCode: 20":       {"cause 20 Subscriber absent"},
		"Q.850 38":                             {"cause 38 Network out of order"},
		"Subscriber absent":                    {"cause 20 Subscriber absent"},
		"Auth. sent":                           {"registration 0 Auth. sent"},
		"auth sent":                            {"registration 0 Auth. sent"},
		"UNREACHABLE":                          {"phone 0 UNREACHABLE"},
		"Lagged":                               {"phone 0 LAGGED"},
		"Unmonitored":                          {"phone 0 Unmonitored"},
		"  no   authentication ":               {"registration 0 No Authentication"},
		"a word of no protocol":                nil,
		"ab":                                   nil,
		"":                                     nil,
		"0":                                    nil,
		"999":                                  nil,
	} {
		t.Run(text, func(t *testing.T) {
			var got []string
			for _, m := range Explain(text) {
				got = append(got, fmt.Sprintf("%s %d %s", m.Kind, m.Number, m.Names[0]))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryCodeAndStateExplainsItself(t *testing.T) {
	for _, c := range slices.Concat(sipCodes().Codes, sipCodes().Phrases) {
		got := Explain(fmt.Sprintf("SIP/2.0 %d %s", c.Code, c.Phrase))
		if len(got) == 0 || got[0].Number != c.Code || got[0].Says["ru"] == "" || got[0].Source == "" {
			t.Errorf("%d %s: %+v", c.Code, c.Phrase, got)
		}
	}
	for _, m := range sipStates() {
		if m.Kind == "" || m.Class == "" || m.Kind == "cause" && m.Number == 0 {
			t.Errorf("%q is incomplete", m.Names)
		}
		for _, name := range m.Names {
			if got := Explain(name); len(got) == 0 || got[0].Says["en"] == "" || got[0].Says["ru"] == "" {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
}
