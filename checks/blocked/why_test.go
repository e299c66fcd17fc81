package blocked

import (
	"net/netip"
	"testing"

	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/internal/pbx"
	"github.com/sipdoctor/sipdoctor/netinfo/packetfilter"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// What is observed of a ban without effect becomes a sentence in every language;
// what another program's reader says stands as it is.
func TestWhyABanHasNoEffectInWords(t *testing.T) {
	s := Subject{Paths: []Path{sip("accept"), tls("accept").with(onward)}}
	book := checks.BookOf([]*checks.Check{Check()})
	for _, tt := range []struct{ why, en, ru string }{
		{whyNot(whyInput), "it is in INPUT, but TCP 5061 is forwarded to 172.17.0.2 port 5060 and passes FORWARD instead", "она стоит в INPUT, а TCP 5061 пересылается на порт 5060 адреса 172.17.0.2 и проходит через FORWARD"},
		{whyNot(whyZone, "public", "office"), "it is in firewalld zone public, but the packets go through zone office", "она в зоне firewalld public, а пакеты идут через зону office"},
		{whyNot(whyRule, "a; b: c"), "its rule does not stop these packets: a; b: c", "её правило эти пакеты не останавливает: a; b: c"},
		{whyNot(whyNoRule), "no rule of the jail stops these packets", "ни одно правило этого jail эти пакеты не останавливает"},
		{whyNot(whyDown), "fail2ban is not running; when it starts, it bans the address again", "fail2ban не запущен; после запуска он снова заблокирует адрес"},
		{whyNot(whyCovers, "tcp 5060"), "the jail's action covers only tcp 5060, or an earlier rule accepts", "действие этого jail закрывает только tcp 5060, или пакеты разрешены более ранним правилом"},
		{whyNot(whyUnused, "a, b", "none"), "it is in a, b, which no rule uses", "она в a, b, а этот набор правила не используют"},
		{whyNot(whyUnused, "a", "b, c"), "it is in a, which no rule uses; the rules use b, c", "она в a, а этот набор правила не используют; они используют b, c"},
		{whyNot(whyFirst, "list"), "the set list holds only the first address of 203.0.113.0/24: it was created without \"flags interval\"", "в наборе list только первый адрес из 203.0.113.0/24: он создан без «flags interval»"},
		{whyNot(whyACL, "101, 102"), "it guards only 101, 102", "защищены только 101, 102"},
		{whyNot(whyIndirect), "none of its loaded rules stops these packets", "ни одно из загруженных правил эти пакеты не останавливает"},
		{whyNot(whyNotSIP), "it does not guard SIP", "SIP она не защищает"},
		{"sshd only: not-sip", "sshd only: not-sip", "sshd only: not-sip"},
	} {
		b := Block{Why: tt.why, Prefix: netip.MustParsePrefix("203.0.113.0/24")}
		for lang, want := range map[words.Lang]string{words.English: tt.en, words.Russian: tt.ru} {
			if got, err := book.Show(lang, b.why(s)); err != nil || got != want {
				t.Errorf("%s in %s: %q, %v, want %q", tt.why, lang, got, err, want)
			}
		}
	}
	if got := (Block{Why: whyInput}).why(Subject{}); got != whyInput {
		t.Errorf("without a path that is forwarded it is %v", got)
	}
}

// A list of "recent" remembers packets; the comment of a rule is a comment.
func TestReasonsOfRecentInWords(t *testing.T) {
	book := checks.BookOf([]*checks.Check{Check()})
	for _, tt := range []struct{ layer, reason, want string }{
		{"xt_recent", whyNot(reasonRemembered, "4", "-A INPUT; -j DROP"), "4 packets recorded; the rule: -A INPUT; -j DROP"},
		{"xt_recent", reasonRenewed, "each further packet restarts the timer"},
		{"xt_recent", "seen", "seen"},
		{"iptables", reasonRenewed, reasonRenewed},
	} {
		if got, err := book.Show(words.English, (Block{Layer: tt.layer}).reason(tt.reason)); err != nil || got != tt.want {
			t.Errorf("%s, %s: %q, %v, want %q", tt.layer, tt.reason, got, err, tt.want)
		}
	}
}

// Where no rule decided there is no rule to quote.
func TestPacketsThatNoRuleDecidesInWords(t *testing.T) {
	book := checks.BookOf([]*checks.Check{Check()})
	for _, tt := range []struct{ rule, en, ru string }{
		{pbx.RuleText(packetfilter.Step{}), "accept by here: no rule", "accept, here: правила нет"},
		{pbx.RuleText(packetfilter.Step{Chain: &packetfilter.Chain{Name: "guard"}}), "accept by here: the end of the chain", "accept, here: конец цепочки"},
		{"-j ACCEPT", "accept by here: -j ACCEPT", "accept, here: -j ACCEPT"},
	} {
		for lang, want := range map[words.Lang]string{words.English: tt.en, words.Russian: tt.ru} {
			if got, err := book.Show(lang, decidedBy("accept", "here", tt.rule)); err != nil || got != want {
				t.Errorf("%s in %s: %q, %v", tt.rule, lang, got, err)
			}
		}
	}
}
