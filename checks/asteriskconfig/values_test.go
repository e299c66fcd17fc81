package asteriskconfig

import (
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
)

func TestWhatSomebodyMeant(t *testing.T) {
	for asked, want := range map[[2]string]string{
		{"dtmf_mode", "RFC2833"}: "rfc4733", {"direct_media_method", "rfc2833"}: "", {"media_encryption", "srtp"}: "sdes", {"media_encryption", "yes"}: "sdes",
		{"media_encryption", "zrtp"}: "", {"contact", "203.0.113.9"}: "sip:203.0.113.9", {"contact", "a <b>"}: "", {"auth_type", "userpas"}: "userpass",
	} {
		if got := corrected(asked[0], asked[1]); got != want {
			t.Errorf("%s=%s: %q, want %q", asked[0], asked[1], got, want)
		}
	}
}

func TestWhatIsASIPURI(t *testing.T) {
	for uri, want := range map[string]bool{
		"sip:a@b": true, "SIPS:a@b": true, "<sips:a@b>": true, `"A" <sip:a@b>`: true, "tel:1": false, "a@b": false, "sip:a@b,a@c": false,
	} {
		if isSIP(uri) != want {
			t.Errorf("%s: %v", uri, !want)
		}
	}
}

func TestARuleWithinAnother(t *testing.T) {
	rule := func(addr, mask string) asterisk.ACLRule {
		return asterisk.ACLRule{Addr: netip.MustParseAddr(addr), Mask: netip.MustParseAddr(mask)}
	}
	narrow, wide := rule("10.0.0.0", "255.255.255.0"), rule("10.0.0.0", "255.255.0.0")
	gaps := rule("10.0.0.0", "255.0.255.0")
	if !within(narrow, wide) || !within(narrow, narrow) || within(wide, narrow) || within(rule("10.1.0.0", "255.255.255.0"), wide) || within(narrow, gaps) || within(gaps, wide) {
		t.Error("within")
	}
}

func TestCodecsThatNothingTranslates(t *testing.T) {
	if untranslated(nil) || !untranslated([]string{"g729"}) || untranslated([]string{"g729", "alaw"}) {
		t.Error("untranslated")
	}
}
