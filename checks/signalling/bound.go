package signalling

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/checks/internal/sip"
)

// Bound is the Contact of the registration as it was sent, and as the registrar
// keeps it. A device on the way may have changed it, and so may the registrar
// itself: many put in the address that they saw.
type Bound struct {
	Sent string `json:"sent"`
	Kept string `json:"kept"`
}

// boundAs reads our binding from the answer to a REGISTER; nil if it cannot be
// told apart from those of other phones.
func boundAs(request, reply []byte) *Bound {
	s, err := sip.Parse(request)
	if err != nil || s.Get("contact") == nil {
		return nil
	}
	r, err := sip.Parse(reply)
	if err != nil || r.Status/100 != 2 {
		return nil
	}
	ours := contactURI(s.Get("contact").Value)
	list := r.All("contact")
	for _, h := range list {
		if contactURI(h.Value) == ours {
			return &Bound{ours, ours}
		}
	}
	if len(list) != 1 || strings.Contains(string(list[0].Value), ",") {
		return nil
	}
	return &Bound{ours, cut(contactURI(list[0].Value))}
}

// contactURI is what stands in angle brackets, or before the parameters.
func contactURI(value []byte) string {
	v := strings.TrimSpace(string(value))
	if _, rest, ok := strings.Cut(v, "<"); ok {
		uri, _, _ := strings.Cut(rest, ">")
		return uri
	}
	uri, _, _ := strings.Cut(v, ";")
	return uri
}
