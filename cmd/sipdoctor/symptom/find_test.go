package symptom

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// People say it in many ways. A line is a symptom, the answers that the words give
// already, and how they say it.
const complaints = `
one-way-audio |            | one-way-audio; one way audio; One-Way Audio!; oneway audio; 1 way audio; half audio; one sided audio
one-way-audio | who=there  | they cannot hear me; they can't hear us; the customer can’t hear me; nobody hears us; caller can't hear us but we hear them; the other side can't hear us; he doesn't hear me; customers can't hear what I say; clients are not hearing us; I hear them but they don't hear me; he can't hear me
one-way-audio | who=here   | can't hear them; we can't hear the caller; I can't hear the other side; I don't hear the customer; we can not hear anybody; they hear us but we don't hear them; users can't hear; she hears me but I can't hear her
one-way-audio | who=there one=one | on one phone they can't hear me
no-audio      |            | no audio; no sound; dead air; no voice; there is no sound at all; we can't hear each other; the call connects but silent; noaudio; nobody hears anything
no-audio      | one=all    | no audio on all phones
no-audio      | ringing=no | no audio and no ringback
drops-after-30-s |           | calls drop after 30 seconds; the call is cut off after 32 seconds; calls drop after half a minute; call drops after 30s; drops at 32 sec; every call disconnects after 30 seconds
drops-after-30-s | direction=in | incoming calls drop after 30 seconds
drops-after-30-s | audio=no  | no audio and the call drops after 30 seconds
drops-after-15-min |         | call drops after 15 minutes; drops after 15 min; 900 seconds; calls always drop after half an hour; call cut off at 30 minutes; drops after a while
drops-at-random |            | call drops; dropped calls; calls drop randomly; calls keep disconnecting; the line gets disconnected; call hangs up
no-incoming-calls |          | no incoming calls; incoming calls fail; outgoing only works; we cannot receive calls; phone does not ring; inbound calls not working; customers cannot reach us; calls go straight to voicemail; my phone is not ringing
no-incoming-calls | always=idle | no incoming calls after a while
no-incoming-calls | one=one  | no incoming calls on one phone
no-outgoing-calls |          | outgoing calls fail; cannot make calls; incoming only; I cannot dial out; can't call out; no outbound calls; 488 not acceptable here
no-outgoing-calls | which=some | cannot call some numbers
not-registering |            | phones do not register; not registering; registration failed; phone is unregistered; no service; cannot register
not-registering | answer=timeout | registration timeout; 408
choppy        |              | choppy voice; robotic sound; voice breaking up; bad audio quality; sound quality is bad; voice is garbled; crackling; poor call quality; the audio cuts out; packet loss; noise on the line; chopy voice
choppy        | when=busy    | choppy at peak hours
choppy        | when=sometimes one=all | choppy now and then on all phones
echo          |              | echo; I hear myself; the customer hears himself; there is an echo on the line; callers complain about echoing
delay         |              | delay; voice delay; there is a lag; high latency; we talk over each other
delay         | when=always  | delay in every call
dtmf          |              | dtmf does not work; ivr; IVR does not hear my digits; the voice menu ignores digits; press 1 does nothing; keypad tones; touch tones are not recognised
transfer      |              | transfer fails; cannot transfer; blind transfer; call forwarding does not work; attended transfer drops; trasnfer fails
transfer      | audio=silent | no sound after transfer
phones-offline |             | phones go offline; phones are unreachable; extension is unavailable; phones lose registration; flapping; 480
busy-tone     |              | busy tone; always busy; all circuits busy; fast busy; engaged tone; 486; 486 Busy Here; busy signal
busy-tone     | direction=out | outgoing calls get a busy tone
forbidden-403 |              | 403; 403 Forbidden; phone says 403; SIP/2.0 403 Forbidden; 401 Unauthorized; wrong password
forbidden-403 | what=register | registration is refused with 403; phones do not register, 403
forbidden-403 | what=call    | 403 when calling
not-found-404 |              | 404; 404 Not Found; number does not exist; unallocated number; number not found
not-found-404 | what=in      | incoming call gets 404
unavailable-503 |            | 503; 503 Service Unavailable; service unavailable; server error; all lines 503; 500 Internal Server Error

one-way-audio |            | односторонняя слышимость; слышно в одну сторону; односторонний звук; односторонея слышимость
one-way-audio | who=there  | они меня не слышат; нас не слышат; клиент меня не слышит; собеседник не слышит; меня не слышно; мы слышим, нас нет; нас не слышно; абонент нас не слышит; клиенты не слышат операторов
one-way-audio | who=here   | я их не слышу; не слышу собеседника; мы не слышим клиента; не слышно клиента; нас слышат, а мы нет; собеседника не слышно; менеджеры не слышат клиентов; меня слышат, я нет
no-audio      |            | нет звука; тишина в трубке; звука нет; ничего не слышно; никто никого не слышит; друг друга не слышим; пропал звук
no-audio      | ringing=yes | гудки есть, голоса нет
no-audio      | one=all    | нет звука у всех
drops-after-30-s |           | вызов обрывается через 30 секунд; звонок сбрасывается через 30 сек; обрыв через 32 секунды; через полминуты связь рвётся
drops-after-30-s | direction=in | входящие обрываются через 30 секунд
drops-after-15-min |         | обрыв через 15 минут; звонок обрывается через 15 мин; разговор прерывается ровно через полчаса; сбрасывается через 30 минут
drops-at-random |            | звонки сбрасываются; вызов обрывается; разговор срывается; постоянные обрывы; звонки обрываются
no-incoming-calls |          | нет входящих; можно только исходящие; не проходят входящие звонки; входящие не работают; до нас не дозвониться; телефон не звонит; нам не могут дозвониться; не поступают звонки
no-incoming-calls | always=idle | через некоторое время нет входящих
no-outgoing-calls |          | не проходят исходящие; только входящие работают; исходящие не работают; не могу позвонить; не можем дозвониться; нет исходящей связи; недозвон
no-outgoing-calls | which=some | не можем дозвониться на некоторые номера
not-registering |            | телефон не регистрируется; телефоны не регистрируются; нет регистрации; ошибка регистрации; регистрация не проходит; телефон не регестрируется
not-registering | answer=timeout | не регистрируется, таймаут
choppy        |              | голос прерывается; плохое качество связи; голос как у робота; шипит; треск в трубке; заикается; плохо слышно; пропадает голос; хрипит; булькает; плохая связь; шум
choppy        | when=busy    | голос прерывается в час пик
choppy        | when=sometimes | иногда пропадает голос
echo          |              | слышу эхо; эхо; клиент слышит себя; слышу свой голос; эхо в трубке
delay         |              | большая задержка; задержка звука; перебиваем друг друга; голос приходит с опозданием
delay         | when=always  | задержка всегда
dtmf          |              | не работает донабор; не реагирует на нажатия; тональный набор не работает; не проходят цифры; голосовое меню не работает; не могу набрать добавочный
transfer      |              | перевод не работает; не могу перевести звонок; переадресация не работает; при переводе обрывается; трансфер
transfer      | audio=silent | нет звука после перевода
phones-offline |             | телефоны отваливаются; телефон недоступен; регистрация слетает; телефоны офлайн; пропадает регистрация; телефон не в сети
busy-tone     |              | короткие гудки; занято; всё время занято; сразу отбой; линия занята; частые гудки
busy-tone     | direction=out | исходящие: сразу занято
forbidden-403 |              | 403; ошибка 403; 403 запрещено; неверный пароль; неверный логин; доступ запрещён
forbidden-403 | what=register | 403 при регистрации; на регистрацию 403
not-found-404 |              | 404; ошибка 404; номер не существует; номер не найден; неправильно набран номер
unavailable-503 |            | 503; ошибка 503; сервис недоступен 503; сервис недоступен; ошибка сервера
`

func TestComplaintsAreUnderstood(t *testing.T) {
	n := map[bool]int{} // by whether it is Russian
	for line := range strings.Lines(complaints) {
		parts := strings.Split(line, "|")
		if len(parts) != 3 {
			continue
		}
		want, answers := strings.TrimSpace(parts[0]), map[string]string{}
		for a := range strings.FieldsSeq(parts[1]) {
			question, answer, _ := strings.Cut(a, "=")
			answers[question] = answer
		}
		for said := range strings.SplitSeq(parts[2], ";") {
			said = strings.TrimSpace(said)
			n[strings.ContainsAny(said, "аеиоуы")]++
			found := Find(said)
			if got := ids(found); !slices.Equal(got, []string{want}) {
				t.Errorf("%q is taken for %v, want %s", said, got, want)
			} else if got := found[0].Said(said); !maps.Equal(got, answers) {
				t.Errorf("%q answers %v, want %v", said, got, answers)
			}
		}
	}
	if n[false] < 60 || n[true] < 60 {
		t.Errorf("only %d in English and %d in Russian", n[false], n[true])
	}
}

func ids(list []Symptom) (out []string) {
	for _, s := range list {
		out = append(out, s.ID)
	}
	return out
}

func TestWhatIsNoComplaintIsNotGuessed(t *testing.T) {
	for _, said := range []string{"", "hello", "the phones", "1", "привет", "не работает", "does not work", "no", "нет", "please help", "помогите", "AAAA", strings.Repeat("x", 10000), "\x1b[31m", "phone", "the calls", "ничего не работает", "fax fails", "call waiting", "only", "double ringing"} {
		if got := Find(said); len(got) > 0 {
			t.Errorf("%q is taken for %v", said, ids(got))
		}
	}
}

// Two complaints in one sentence are two: which one is meant is not guessed.
func TestSeveralComplaintsAtOnce(t *testing.T) {
	for said, want := range map[string][]string{
		"echo and delay":                        {"echo", "delay"},
		"choppy voice, and phones go offline":   {"choppy", "phones-offline"},
		"эхо и задержка":                        {"echo", "delay"},
		"phones offline and echo, no dtmf":      {"echo", "dtmf", "phones-offline"},
		"403 forbidden and the tone is busy":    {"forbidden-403"}, // a code says it best
		"call drops after 30 seconds with hold": {"drops-after-30-s"},
		"no audio on extension 403":             {"no-audio"},
		"phone 401 does not register":           {"not-registering"},
		"delay of 500 ms":                       {"delay"},
		"у 404 нет звука":                       {"no-audio"},
		"на телефоне 486 эхо":                   {"echo"},
		"регистрация слетает и нет звука у всех": {"no-audio", "phones-offline"},
	} {
		if got := ids(Find(said)); !slices.Equal(got, want) {
			t.Errorf("%q is taken for %v, want %v", said, got, want)
		}
	}
}

// What is said both ways is asked.
func TestContradictingWordsAnswerNothing(t *testing.T) {
	s, _ := Get("one-way-audio")
	for _, said := range []string{"they can't hear us and we can't hear them", "one phone or all phones"} {
		if got := s.Said(said); len(got) > 0 {
			t.Errorf("%q answers %v", said, got)
		}
	}
}
