package asteriskstate

import "github.com/sipdoctor/sipdoctor/netinfo/asterisk"

// Holds reports whether a text holds output of Asterisk's command line that this
// check reads; the beginning of a long one is enough.
func Holds(text []byte) bool {
	v := view{s: asterisk.Show(string(text))}
	v.o.Asked = "text"
	return v.listed() || v.s.Cut > 0
}
