package sipalg

import (
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/netinfo"
)

// alone judges a report in which no other check stands.
func alone(o Observed, h *netinfo.Host) checks.Judgement {
	return judge(o, h, func(string) *checks.Result { return nil })
}
