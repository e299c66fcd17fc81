package standin

import (
	"maps"
	"strings"
	"sync"

	"github.com/sipdoctor/sipdoctor/netinfo"
)

// grammar are the words of the protocols, which stay where no name can stand: methods,
// header fields, parameters, option tags, codecs, attributes of session descriptions.
var grammar = sync.OnceValue(func() map[string]bool {
	return wordSet(`
sip sips tel udp tcp tls ws wss sctp ip in ip4 ip6 rtp avp avpf savp savpf udptl dtls msrp tcptls
invite ack bye cancel options register prack subscribe notify publish info refer message update
accept contact encoding language resource priority alert allow events answer mode also authentication authorization call id disposition length
type content cseq date error event expires flow timer from geolocation history identity in reply to join max breadth forwards mime version min se
organization p access network asserted associated uri called party charging function addresses vector early media preferred profile key visited
path proxy authenticate require privacy rack reason record route referred by replaces retry after rseq security client server verify service session
state interval subject subscription supported target dialog timestamp unsupported user agent via warning www compact x asterisk hangup hangupcause
hangupcausecode fs feature remote rpid diversion screen accountcode sent received received
tag branch rport ttl maddr transport method lr ob q expires reg instance handling purpose code cause text protocol required optional counter index
refresher uac uas duration delta pub gruu temp keep comp sigcomp yes no true false on off only other phone ip full none
norefersub timer precondition tdialog outbound gin path eventlist sdp application multipart mixed alternative related message sipfrag summary simple pidf
xml dialog info conference presence plain html text boundary charset utf utf8 iso identity digest basic md5 sha md5sess sess auth int realm nonce cnonce
opaque stale algorithm qop nc response username user domain
audio video image t38 bfcp rtpmap fmtp ptime maxptime sendrecv sendonly recvonly inactive rtcp mux fb crypto fingerprint setup active passive actpass
connection new existing candidate end of candidates host srflx prflx relay typ raddr generation foundation ice ufrag pwd lite mid group bundle
lip ssrc cname msid semantic extmap rid label direction silencesupp curr des conf qos local remote send recv mandatory
pcmu pcma g722 g729 g729a g729b g723 g726 g728 g711 gsm ilbc opus speex amr wb nb evs silk l16 cn telephone red ulpfec h261 h263 h264 h265 vp8 vp9 av1
mp4v es rtx isac iscp annexb useinbandfec stereo usedtx cbr maxplaybackrate sprop maxaveragebitrate minptime octet align mode set packetization profile level
bitrate mode change period capability crc robust sorting interleaving asymmetry allowed as tias rs rr ct tb
t38faxversion t38maxbitrate t38faxfillbitremoval t38faxtranscodingmmr t38faxtranscodingjbig t38faxratemanagement t38faxmaxbuffer t38faxmaxdatagram
t38faxudpec t38faxmaxifp t38udpredundancy t38udpfec t38vendorinfo transferredtcf localtcf t38maxdatagram t38maxbuffer
aes cm f8 hmac sha1 null gcm aead inline keynt nack pli ccm fir goog remb nt
mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec gmt
active pending terminated deactivated probation rejected timeout giveup noresource invariant normal emergency urgent non
signal dtmf messages waiting voice account reg gruu replaces 100rel sec agree histinfo resource from change recipients list
kpml rinstance extended cisco serviceuri eventlist hold talk check sync reboot ua profile refresh uac ims 3gpp nat keepalive chan
`)
})

// phrases are those and the words of reason phrases and warnings: what a server says
// of itself.
var phrases = sync.OnceValue(func() map[string]bool {
	set := maps.Clone(grammar())
	list := append(netinfo.SIPPhrases(), `
the a an is are was not no be been has have you your we our it this that which with without and or at for too many few please try again later
user users number line lines call calls caller callee called called party endpoint extension phone device peer trunk gateway account accounts password
wrong bad good invalid valid unknown missing expired blocked banned limit limits reached exceeded allowed denied refused failed failure error errors internal
external network route routing destination source address port host domain server client service services unavailable available busy free online offline
registered registration register unregistered found matching match match codec codecs media type types incompatible unsupported protocol transport
request requests response responses terminated canceled cancelled completed elsewhere answered answer no picked up hangup hung released clearing cleared
clear normal unspecified temporary permanently permanent temporarily congestion circuit channel interworking mandatory information element elements
identity anonymous privacy anonymity disallowed insufficient bandwidth balance credit funds money payment required license licence trial noisy feedback tells
pid req src ip in out uri via cnt loop detected hops spiral max forwards replies sent received local remote time timeout timed out recovery on timer
session interval small large long short early late duplicate merged transaction dialog does exist leg ring ringing progress queued forwarded forwarding
moved redirect redirected do disturb dnd absent subscriber vacant unallocated unassigned switching equipment experiment resources resource facility
subscribed authorized authorised barred barring incoming outgoing bearer capability implemented implementation only restricted digital
accepted acceptable pending glare encryption srtp secure dtls tls certificate verification stale info package conditional step leaving`)
	for _, p := range list {
		for _, w := range strings.FieldsFunc(strings.ToLower(p), func(r rune) bool { return r > 0x7f || !wordByte(byte(r)) }) {
			if strings.Trim(w, "0123456789") != "" {
				set[w] = true
			}
		}
	}
	return set
})

// makers are the words of User-Agent that may stand in parentheses, where phones put
// the name of their owner.
var makers = sync.OnceValue(func() map[string]bool {
	return wordSet(`
linux android ios iphone ipad windows macos mac os x86 x64 x86_64 amd64 arm arm64 aarch64 armv7 i386 i686 mips bit build release beta rc git rev version sdk lib
belle mod sofia pjsip pjsua pbx sip voip phone softphone client server proxy kamailio opensips asterisk freepbx freeswitch fpbx 3cx yealink grandstream
snom polycom cisco fanvil gigaset panasonic avaya mitel aastra audiocodes patton linksys sipura zoiper linphone microsip bria counterpath x lite eyebeam
samsung galaxy pixel xiaomi redmi huawei honor google apple openwrt mikrotik fritz box avm debian ubuntu centos windows`)
})
