package asteriskconfig

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sipdoctor/sipdoctor/checks"
	"github.com/sipdoctor/sipdoctor/checks/checktest/pbxtest"
	"github.com/sipdoctor/sipdoctor/netinfo/asterisk"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// An office with phones, a trunk and a dialplan, in which nothing is wrong.
const (
	goodPJSIP = `[global]
type=global
[transport-udp]
type=transport
protocol=udp
bind=0.0.0.0:5060
[phone](!)
type=endpoint
context=phones
disallow=all
allow=alaw,ulaw
direct_media=no
rewrite_contact=yes
rtp_symmetric=yes
[account](!)
type=auth
auth_type=userpass
[place](!)
type=aor
max_contacts=1
remove_existing=yes
qualify_frequency=25
[201](phone)
auth=201
aors=201
mailboxes=201@default
[201](account)
username=201
password=Xk29fkqlwPz8
[201](place)
[202](phone)
auth=202
aors=202
[202](account)
username=202
password=Zm31gwmxrTq7
[202](place)
[trunk]
type=registration
server_uri=sip:198.51.100.9
client_uri=sip:74950000000@198.51.100.9
outbound_auth=trunk
[trunk]
type=auth
username=74950000000
password=provider-chose-1
[trunk]
type=aor
contact=sip:198.51.100.9
[trunk]
type=endpoint
context=provider
disallow=all
allow=alaw
aors=trunk
outbound_auth=trunk
direct_media=no
[trunk]
type=identify
endpoint=trunk
match=198.51.100.0/28
`
	goodDialplan = `[general]
static=yes
[phones]
include => out
exten => _2XX,1,Dial(PJSIP/${EXTEN},30)
 same => n,Hangup()
exten => 201,hint,PJSIP/201
[out]
exten => _8X.,1,Dial(PJSIP/${EXTEN}@trunk)
[provider]
exten => _X.,1,Dial(PJSIP/201&PJSIP/202)
[helper]
exten => _X.,5000(ring),NoOp()
`
	goodModules = "[modules]\nautoload=yes\nnoload => chan_sip.so\n"
	goodRTP     = "[general]\nrtpstart=10000\nrtpend=20000\n"
	external    = "external_signaling_address=203.0.113.5\nexternal_media_address=203.0.113.5\n"
	office      = "local_net=192.168.0.0/16\n"
)

// good are the files of the office.
func good() map[string]string {
	return map[string]string{"pjsip.conf": goodPJSIP, "extensions.conf": goodDialplan, "modules.conf": goodModules, "rtp.conf": goodRTP}
}

// book is the words of the check.
var book = sync.OnceValue(func() *words.Book { return checks.BookOf([]*checks.Check{Check()}) })

// handOver runs the check on files as somebody hands them over, and judges the
// saved report again: both must come to the same.
func handOver(t testing.TB, files map[string]string) checks.Result {
	t.Helper()
	env := &checks.Env{}
	for name, text := range files {
		env.Files = append(env.Files, pbxtest.Text(name, text))
	}
	slices.SortFunc(env.Files, func(a, b checks.File) int { return strings.Compare(a.Name, b.Name) })
	return pbxtest.Judged(t, Check(), env, book())
}

func found(r checks.Result) (list []string) {
	for _, f := range r.Findings {
		list = append(list, f.Words()[len("asterisk-config."):])
	}
	slices.Sort(list)
	return list
}

// change replaces a part of a file of the office; what is not there fails.
type change struct{ file, from, to string }

func changed(t testing.TB, changes ...change) map[string]string {
	t.Helper()
	files := good()
	for _, c := range changes {
		switch {
		case c.from == "": // at the end, or a new file
			files[c.file] += c.to
		case !strings.Contains(files[c.file], c.from):
			t.Fatalf("%s has no %q", c.file, c.from)
		default:
			files[c.file] = strings.Replace(files[c.file], c.from, c.to, 1)
		}
	}
	return files
}

const pj, dp, md, rtp, sip = "pjsip.conf", "extensions.conf", "modules.conf", "rtp.conf", "sip.conf"

func TestACleanOfficeRaisesNothing(t *testing.T) {
	r := handOver(t, good())
	if r.Status != checks.Pass || len(r.Findings) > 0 {
		t.Errorf("%s %q: %v", r.Status, r.Summary, found(r))
	}
}

// Each mistake, and beside it the nearest thing that is none.
func TestMistakesInFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		changes []change
		want    []string
	}{
		// Sections and options.
		"a section without a type":               {[]change{{pj, "[trunk]\ntype=aor\n", "[trunk]\n"}}, []string{"missing-object", "no-type"}},
		"an empty section":                       {[]change{{pj, "", "[nothing]\n"}}, nil},
		"a template without its mark":            {[]change{{pj, "[place](!)\ntype=aor", "[place]"}, {pj, "[201](place)", "[201](place)\ntype=aor"}, {pj, "[202](place)", "[202](place)\ntype=aor"}}, nil},
		"[global] without a type":                {[]change{{pj, "[global]\ntype=global", "[global]\nuser_agent=x"}}, []string{"no-type"}},
		"a type in upper case":                   {[]change{{pj, "[trunk]\ntype=identify", "[trunk]\ntype=Identify"}}, []string{"trunk-unmatched", "open-trunk", "unknown-type"}},
		"a type with a slip":                     {[]change{{pj, "[trunk]\ntype=identify", "[trunk]\ntype=idenitfy"}}, []string{"trunk-unmatched", "open-trunk", "unknown-type"}},
		"a type of a module of somebody's own":   {[]change{{pj, "", "[x]\ntype=cloudpush\nkey=1\n"}}, []string{"unknown-type"}},
		"an option of chan_sip":                  {[]change{{pj, "rtp_symmetric=yes", "rtp_symmetric=yes\ndtmfmode=rfc2833"}}, []string{"unknown-option"}},
		"aor for aors":                           {[]change{{pj, "aors=trunk", "aor=trunk"}}, []string{"unknown-option"}},
		"an option with a slip":                  {[]change{{pj, "rewrite_contact", "rewrite_contcat"}}, []string{"unknown-option"}},
		"an option for the dialplan":             {[]change{{pj, "rtp_symmetric=yes", "rtp_symmetric=yes\n@room=12"}}, nil},
		"upper case is no mistake in an option":  {[]change{{pj, "rewrite_contact", "Rewrite_Contact"}}, nil},
		"RFC 2833 by its old name":               {[]change{{pj, "rtp_symmetric=yes", "rtp_symmetric=yes\ndtmf_mode=rfc2833"}}, []string{"bad-value"}},
		"by its new one":                         {[]change{{pj, "rtp_symmetric=yes", "rtp_symmetric=yes\ndtmf_mode=rfc4733"}}, nil},
		"a codec with a slip":                    {[]change{{pj, "allow=alaw,ulaw", "allow=alaw,ulow"}}, []string{"bad-value"}},
		"codecs with their frames":               {[]change{{pj, "allow=alaw,ulaw", "allow=!all,alaw:30,ulaw"}}, nil},
		"yes for a number":                       {[]change{{pj, "qualify_frequency=25", "qualify_frequency=yes"}}, []string{"bad-value"}},
		"a contact without sip:":                 {[]change{{pj, "contact=sip:198", "contact=198"}}, []string{"bad-value"}},
		"a mask that is none":                    {[]change{{pj, "198.51.100.0/28", "198.51.100.0/255.255.255.300"}}, []string{"bad-value"}},
		"a mask in dots":                         {[]change{{pj, "198.51.100.0/28", "198.51.100.0/255.255.255.240"}}, nil},
		"a file before its first section":        {[]change{{pj, "[global]", "type=x\n[global]"}}, []string{"not-loaded"}},
		"a file that includes one not handed on": {[]change{{pj, "aors=trunk", "aors=elsewhere"}, {pj, "[global]", "#include pjsip_custom.conf\n[global]"}}, nil},
		"a wizard's option with a slip":          {[]change{{"pjsip_wizard.conf", "", "[w]\ntype=wizard\nremote_hosts=198.51.100.10\nendpoint/alow=alaw\noutbound_auth/username=x\n"}}, []string{"unknown-option"}},
		"a wizard":                               {[]change{{"pjsip_wizard.conf", "", "[w]\ntype=wizard\nremote_hosts=198.51.100.10\nendpoint/allow=alaw\noutbound_auth/username=x\n"}, {dp, "@trunk", "@w"}}, nil},
		// Objects that name each other.
		"auth of nothing":                           {[]change{{pj, "auth=202", "auth=203"}}, []string{"missing-object"}},
		"a transport of nothing":                    {[]change{{pj, "aors=trunk", "aors=trunk\ntransport=transport-tcp"}}, []string{"missing-object"}},
		"a transport that is there":                 {[]change{{pj, "aors=trunk", "aors=trunk\ntransport=transport-udp"}}, nil},
		"names differ by their case":                {[]change{{pj, "endpoint=trunk", "endpoint=Trunk"}}, []string{"missing-object", "open-trunk"}},
		"objects of a database":                     {[]change{{pj, "aors=trunk", "aors=far"}, {"sorcery.conf", "", "[res_pjsip]\naor=realtime,ps_aors\n"}}, nil},
		"no max_contacts":                           {[]change{{pj, "max_contacts=1\n", ""}}, []string{"no-max-contacts"}},
		"max_contacts of none":                      {[]change{{pj, "max_contacts=1", "max_contacts=0"}}, []string{"no-max-contacts"}},
		"an AOR by another name":                    {[]change{{pj, "aors=202", "aors=two"}, {pj, "[202](place)", "[two](place)"}}, []string{"aor-name"}},
		"known by the name of the login":            {[]change{{pj, "aors=202", "aors=two\nidentify_by=auth_username"}, {pj, "[202](place)", "[two](place)"}}, nil},
		"an endpoint without aors":                  {[]change{{pj, "aors=202\n", ""}}, []string{"no-aors"}},
		"a trunk that is never called":              {[]change{{pj, "aors=trunk\n", ""}}, nil},
		"two want one address":                      {[]change{{pj, "", "[201]\ntype=identify\nendpoint=201\nmatch=198.51.100.9\n"}}, []string{"identify-overlap"}},
		"two beside each other":                     {[]change{{pj, "", "[201]\ntype=identify\nendpoint=201\nmatch=198.51.100.16\n"}}, nil},
		"everybody is the trunk":                    {[]change{{pj, "match=198.51.100.0/28", "match=0.0.0.0/0"}}, []string{"identify-everyone"}},
		"a host by its name":                        {[]change{{pj, "match=198.51.100.0/28", "match=sip.example.net"}}, []string{"identify-name"}},
		"identify of nobody":                        {[]change{{pj, "endpoint=trunk\n", ""}}, []string{"identify-endpoint", "open-trunk"}},
		"identify by nothing":                       {[]change{{pj, "match=198.51.100.0/28\n", ""}}, []string{"identify-nothing"}},
		"a server without sip:":                     {[]change{{pj, "server_uri=sip:", "server_uri="}}, []string{"registration-uri"}},
		"no client_uri":                             {[]change{{pj, "client_uri=sip:74950000000@198.51.100.9\n", ""}}, []string{"registration-uri.missing"}},
		"line without endpoint":                     {[]change{{pj, "outbound_auth=trunk\n[trunk]", "outbound_auth=trunk\nline=yes\n[trunk]"}}, []string{"registration-line"}},
		"line with endpoint":                        {[]change{{pj, "outbound_auth=trunk\n[trunk]", "outbound_auth=trunk\nline=yes\nendpoint=trunk\n[trunk]"}}, nil},
		"a registration without a password":         {[]change{{pj, "198.51.100.9\noutbound_auth=trunk\n", "198.51.100.9\n"}}, []string{"registration-no-auth"}},
		"the provider's calls come from elsewhere":  {[]change{{pj, "match=198.51.100.0/28", "match=198.51.100.64/28"}}, []string{"trunk-unmatched"}},
		"they come for everybody, without password": {[]change{{pj, "match=198.51.100.0/28", "match=198.51.100.64/28"}, {pj, "", "[anonymous]\ntype=endpoint\ncontext=provider\nallow=alaw\n"}}, nil},
		// Passwords and open doors.
		"the password is the name":           {[]change{{pj, "password=Xk29fkqlwPz8", "password=201"}}, []string{"weak-password.same"}},
		"a common password":                  {[]change{{pj, "password=Xk29fkqlwPz8", "password=Passw0rd"}}, []string{"weak-password.common"}},
		"seven characters":                   {[]change{{pj, "password=Xk29fkqlwPz8", "password=Xk29fkq"}}, []string{"weak-password.short"}},
		"eight characters":                   {[]change{{pj, "password=Xk29fkqlwPz8", "password=Xk29fkql"}}, nil},
		"ten digits":                         {[]change{{pj, "password=Xk29fkqlwPz8", "password=9182736450"}}, []string{"weak-password.digits"}},
		"eleven digits":                      {[]change{{pj, "password=Xk29fkqlwPz8", "password=91827364508"}}, nil},
		"one password for two":               {[]change{{pj, "password=Xk29fkqlwPz8", "password=Zm31gwmxrTq7"}}, []string{"shared-password"}},
		"a provider's short password":        {[]change{{pj, "password=provider-chose-1", "password=1234"}}, nil},
		"auth without a username":            {[]change{{pj, "username=201\n", ""}}, []string{"auth-incomplete.username"}},
		"auth without a password":            {[]change{{pj, "password=Xk29fkqlwPz8\n", ""}}, []string{"auth-incomplete.password"}},
		"a digest that is too short":         {[]change{{pj, "password=Xk29fkqlwPz8", "auth_type=md5\nmd5_cred=0123"}}, []string{"auth-incomplete.digest"}},
		"a digest":                           {[]change{{pj, "password=Xk29fkqlwPz8", "auth_type=md5\nmd5_cred=0123456789abcdef0123456789abcdef"}}, nil},
		"a digest without its type":          {[]change{{pj, "password=Xk29fkqlwPz8", "md5_cred=0123456789abcdef0123456789abcdef"}}, []string{"auth-incomplete.type"}},
		"a phone without a password":         {[]change{{pj, "auth=201\n", ""}}, []string{"open"}},
		"a phone known by its address":       {[]change{{pj, "auth=201\n", ""}, {pj, "", "[201]\ntype=identify\nendpoint=201\nmatch=192.168.1.20\n"}}, nil},
		"a phone behind a permit":            {[]change{{pj, "auth=201\n", "deny=0.0.0.0/0\npermit=192.168.0.0/16\n"}}, nil},
		"strangers dial where phones do":     {[]change{{pj, "", "[anonymous]\ntype=endpoint\ncontext=phones\nallow=alaw\n"}}, []string{"anonymous"}},
		"strangers have a context of theirs": {[]change{{pj, "", "[anonymous]\ntype=endpoint\ncontext=provider\nallow=alaw\n"}}, nil},
		// Media.
		"allow before disallow":            {[]change{{pj, "disallow=all\nallow=alaw,ulaw", "allow=alaw,ulaw\ndisallow=all"}}, []string{"codec-order"}},
		"a template's codecs are replaced": {[]change{{pj, "[201](phone)\n", "[201](phone)\ndisallow=all\nallow=g722\n"}}, nil},
		"no codec":                         {[]change{{pj, "disallow=all\nallow=alaw\n", ""}}, []string{"no-codec"}},
		"only G.729":                       {[]change{{pj, "allow=alaw\n", "allow=g729\n"}}, []string{"untranslated"}},
		"tones inside the speech":          {[]change{{pj, "rtp_symmetric=yes", "rtp_symmetric=yes\ndtmf_mode=inband"}}, []string{"dtmf"}},
		"keys for SRTP in the clear":       {[]change{{pj, "rtp_symmetric=yes", "rtp_symmetric=yes\nmedia_encryption=sdes"}}, []string{"plain-srtp"}},
		"keys for SRTP in TLS":             {[]change{{pj, "rtp_symmetric=yes", "rtp_symmetric=yes\nmedia_encryption=sdes\ntransport=tls"}, {pj, "", "[tls]\ntype=transport\nprotocol=tls\nbind=0.0.0.0:5061\n"}}, nil},
		// Transports.
		"two transports on one port":     {[]change{{pj, "", "[b]\ntype=transport\nprotocol=udp\nbind=192.0.2.1:5060\n"}}, []string{"port-conflict"}},
		"UDP and TCP on one port":        {[]change{{pj, "", "[b]\ntype=transport\nprotocol=tcp\nbind=0.0.0.0:5060\n"}}, nil},
		"IPv4 and IPv6 on one port":      {[]change{{pj, "", "[b]\ntype=transport\nprotocol=udp\nbind=[::]:5060\n"}}, nil},
		"chan_sip beside PJSIP":          {[]change{{md, "noload => chan_sip.so\n", ""}, {sip, "", "[general]\nallowguest=no\n"}}, []string{"both-drivers"}},
		"chan_sip on a port of its own":  {[]change{{md, "noload => chan_sip.so\n", ""}, {sip, "", "[general]\nallowguest=no\nbindport=5160\n"}}, nil},
		"chan_sip is set and not loaded": {[]change{{sip, "", "[general]\nallowguest=no\n"}}, nil},
		// NAT, as far as files tell.
		"an external address with its networks":     {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + office}}, nil},
		"no external address for media":             {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\nexternal_signaling_address=203.0.113.5\n" + office}}, []string{"external-half.no-media"}},
		"endpoints have one":                        {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\nexternal_signaling_address=203.0.113.5\n" + office}, {pj, "rtp_symmetric=yes", "rtp_symmetric=yes\nmedia_address=203.0.113.5"}}, nil},
		"none for signalling":                       {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\nexternal_media_address=203.0.113.5\n" + office}}, []string{"external-half.no-signaling"}},
		"an external address that is private":       {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + strings.ReplaceAll(external, "203.0.113.5", "192.168.1.5") + office}}, []string{"external-private"}},
		"no local_net":                              {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external}}, []string{"local-net-missing"}},
		"everything is local":                       {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + "local_net=0.0.0.0/0\n"}}, []string{"local-net-everything"}},
		"the provider is local":                     {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + office + "local_net=198.51.100.0/24\n"}}, []string{"local-net-covers"}},
		"172.0.0.0/8":                               {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + office + "local_net=172.0.0.0/8\n"}}, []string{"local-net-wide"}},
		"172.16.0.0/12":                             {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + office + "local_net=172.16.0.0/12\n"}}, nil},
		"a network without its mask":                {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + "local_net=192.168.1.0\n"}}, []string{"local-net-host"}},
		"a host without a mask":                     {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + "local_net=192.168.1.7\n"}}, nil},
		"TCP lacks what UDP has":                    {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + office}, {pj, "", "[tcp]\ntype=transport\nprotocol=tcp\nbind=0.0.0.0:5060\n"}}, []string{"transport-external"}},
		"WebSocket needs none":                      {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + office}, {pj, "", "[wss]\ntype=transport\nprotocol=wss\nbind=0.0.0.0\n"}}, nil},
		"phones outside without rewrite_contact":    {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + office}, {pj, "rewrite_contact=yes\n", ""}}, []string{"nat-options"}},
		"phones inside without rewrite_contact":     {[]change{{pj, "rewrite_contact=yes\n", ""}}, nil},
		"force_rport is off":                        {[]change{{pj, "rewrite_contact=yes\n", "rewrite_contact=yes\nforce_rport=no\n"}}, []string{"rport-off"}},
		"phones outside are never asked":            {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + office}, {pj, "qualify_frequency=25\n", ""}}, []string{"qualify-off"}},
		"phones outside are asked every 121 s":      {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + office}, {pj, "qualify_frequency=25", "qualify_frequency=121"}}, []string{"qualify-slow"}},
		"every 120 s, as long as NAT must remember": {[]change{{pj, "bind=0.0.0.0:5060\n", "bind=0.0.0.0:5060\n" + external + office}, {pj, "qualify_frequency=25", "qualify_frequency=120"}}, nil},
		// The dialplan.
		"a context that is not there":          {[]change{{pj, "context=phones", "context=phone"}}, []string{"no-context"}},
		"a context in AEL":                     {[]change{{pj, "context=phones", "context=ael-phones"}, {"extensions.ael", "", "context ael-phones {\n 2 => Hangup();\n}\n"}}, nil},
		"no context where there is no default": {[]change{{pj, "context=provider\n", ""}}, []string{"no-context"}},
		"SIP/ where only PJSIP is loaded":      {[]change{{dp, "Dial(PJSIP/201&PJSIP/202)", "Dial(SIP/201)"}}, []string{"dials-sip"}},
		"a hint of SIP/":                       {[]change{{dp, "hint,PJSIP/201", "hint,SIP/201"}}, []string{"dials-sip"}},
		"SIP/ where chan_sip is loaded":        {[]change{{md, "noload => chan_sip.so\n", ""}, {sip, "", "[general]\nbindport=5160\nallowguest=no\n"}, {dp, "Dial(PJSIP/201&PJSIP/202)", "Dial(SIP/301)"}}, nil},
		"an endpoint that nobody has":          {[]change{{dp, "Dial(PJSIP/201&PJSIP/202)", "Dial(PJSIP/201&PJSIP/292)"}}, []string{"dials-unknown"}},
		"an extension that begins with n":      {[]change{{dp, "exten => _X.,1,Dial", "exten => _X.,n,Dial"}}, []string{"no-first-priority"}},
		"an include of nothing":                {[]change{{dp, "include => out", "include => outside"}}, []string{"include-missing"}},
		"a mailbox in two places":              {[]change{{pj, "[201](place)\n", "[201](place)\nmailboxes=201@default\n"}}, []string{"mwi-twice"}},
		"a mailbox without its context":        {[]change{{pj, "mailboxes=201@default", "mailboxes=201"}}, []string{"mailbox-context"}},
		"another mailbox":                      {[]change{{pj, "[201](place)\n", "[201](place)\nmailboxes=209@default\n"}}, nil},
		// Modules.
		"the registrar is kept out":                 {[]change{{md, "", "noload => res_pjsip_registrar.so\n"}}, []string{"module-missing"}},
		"a module that nothing needs":               {[]change{{md, "", "noload => res_pjsip_transport_websocket.so\n"}}, nil},
		"lamps need the state of phones":            {[]change{{md, "", "noload => res_pjsip_exten_state\n"}}, []string{"module-missing"}},
		"strangers need their module":               {[]change{{md, "", "noload => res_pjsip_endpoint_identifier_anonymous.so\n"}, {pj, "", "[anonymous]\ntype=endpoint\ncontext=provider\nallow=alaw\n"}}, []string{"module-missing"}},
		"registering elsewhere needs its module":    {[]change{{md, "", "noload => res_pjsip_outbound_registration.so\n"}}, []string{"module-missing"}},
		"lamps without the module of subscriptions": {[]change{{md, "", "noload => res_pjsip_pubsub.so\n"}}, []string{"module-missing"}},
		// What else the troubleshooting guide tells.
		"one place, and the old contact stays": {[]change{{pj, "remove_existing=yes\n", ""}}, []string{"remove-existing"}},
		"two places":                           {[]change{{pj, "max_contacts=1\nremove_existing=yes\n", "max_contacts=2\n"}}, nil},
		"a login in upper case":                {[]change{{pj, "[201](phone)", "[anna](phone)"}, {pj, "auth=201\naors=201", "auth=201\naors=anna"}, {pj, "[201](place)", "[anna](place)"}, {pj, "username=201", "username=Anna"}, {dp, "PJSIP/201&", ""}, {dp, "PJSIP/201", "PJSIP/202"}}, []string{"login-case"}},
		"hints in another context":             {[]change{{dp, "exten => 201,hint,PJSIP/201\n", ""}, {dp, "[helper]", "[helper]\nexten => 201,hint,PJSIP/201"}}, []string{"hints-elsewhere"}},
		"hints in an included context":         {[]change{{dp, "exten => 201,hint,PJSIP/201\n", ""}, {dp, "[out]", "[out]\nexten => 201,hint,PJSIP/201"}}, nil},
		"hints for subscriptions alone":        {[]change{{dp, "exten => 201,hint,PJSIP/201\n", ""}, {dp, "[helper]", "[helper]\nexten => 201,hint,PJSIP/201"}, {pj, "context=phones", "context=phones\nsubscribe_context=helper"}}, nil},
		"identify in the wrong section":        {[]change{{"sorcery.conf", "", "[res_pjsip]\nidentify=realtime,ps_endpoint_id_ips\n"}}, []string{"sorcery-section"}},
		"identify in its own":                  {[]change{{"sorcery.conf", "", "[res_pjsip_endpoint_identifier_ip]\nidentify=realtime,ps_endpoint_id_ips\n"}}, nil},
		"a table that is not mapped":           {[]change{{"sorcery.conf", "", "[res_pjsip]\naor=realtime,ps_aors\n"}, {"extconfig.conf", "", "[settings]\nps_auths => odbc\n"}}, []string{"sorcery-table"}},
		"a table that is":                      {[]change{{"sorcery.conf", "", "[res_pjsip]\naor=realtime,ps_aors\n"}, {"extconfig.conf", "", "[settings]\nps_aors => odbc,asterisk\n"}}, nil},
		// RTP.
		"no range":                 {[]change{{rtp, "rtpstart=10000\nrtpend=20000\n", "strictrtp=yes\n"}}, []string{"rtp-default"}},
		"a range from an odd port": {[]change{{rtp, "10000", "10001"}}, []string{"rtp-odd"}},
		"a range backwards":        {[]change{{rtp, "rtpstart=10000", "rtpstart=30000"}}, []string{"rtp-reversed"}},
		"a range for one phone":    {[]change{{rtp, "rtpend=20000", "rtpend=10001"}}, []string{"rtp-small"}},
		"a range for two phones":   {[]change{{rtp, "rtpend=20000", "rtpend=10003"}}, nil},
		// Access lists.
		"deny after permit":           {[]change{{pj, "rewrite_contact=yes\n", "rewrite_contact=yes\npermit=192.168.0.0/16\ndeny=0.0.0.0/0\n"}}, []string{"acl-nobody"}},
		"deny before permit":          {[]change{{pj, "rewrite_contact=yes\n", "rewrite_contact=yes\ndeny=0.0.0.0/0\npermit=192.168.0.0/16\n"}}, nil},
		"a permit that is taken back": {[]change{{pj, "rewrite_contact=yes\n", "rewrite_contact=yes\ndeny=0.0.0.0/0\npermit=192.168.0.0/16\npermit=10.1.0.0/16\ndeny=10.0.0.0/8\n"}}, []string{"acl-order"}},
		"a hole in a permit":          {[]change{{pj, "rewrite_contact=yes\n", "rewrite_contact=yes\ndeny=0.0.0.0/0\npermit=10.0.0.0/8\ndeny=10.1.0.0/16\n"}}, nil},
		"permit alone":                {[]change{{pj, "rewrite_contact=yes\n", "rewrite_contact=yes\npermit=192.168.0.0/16\n"}}, []string{"acl-permit-only"}},
		"a list that is not there":    {[]change{{pj, "rewrite_contact=yes\n", "rewrite_contact=yes\nacl=office\n"}}, []string{"acl-nobody.invalid"}},
		"a list that is there":        {[]change{{pj, "rewrite_contact=yes\n", "rewrite_contact=yes\nacl=office\n"}, {"acl.conf", "", "[office]\ndeny=0.0.0.0/0\npermit=192.168.0.0/16\n"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := handOver(t, changed(t, tt.changes...))
			want := slices.Sorted(slices.Values(tt.want))
			if diff := cmp.Diff(want, found(r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
				for _, f := range r.Findings {
					t.Logf("%s: %+v", f.Title, f.Evidence)
				}
			}
		})
	}
}

// SIP/ in a part of the dialplan that no phone reaches may be a left-over of the
// example that Asterisk comes with.
func TestSIPWhereNobodyDials(t *testing.T) {
	for context, want := range map[string]checks.Severity{"[out]\n": checks.Critical, "[helper]\n": checks.Warning} {
		r := handOver(t, changed(t, change{dp, context, context + "exten => 99,1,Dial(SIP/201)\n"}))
		if len(r.Findings) != 1 || r.Findings[0].ID != "asterisk-config.dials-sip" || r.Findings[0].Severity != want {
			t.Errorf("%s: %+v", context, r.Findings)
		}
	}
}

// A file that Asterisk does not load is named first, whatever else is wrong.
func TestAFileThatIsNotLoaded(t *testing.T) {
	r := handOver(t, changed(t, change{pj, "[201](phone)", "[201](fone)"}))
	if len(r.Findings) != 1 || r.Findings[0].ID != "asterisk-config.not-loaded" || !strings.Contains(r.Findings[0].Evidence[0].Got, "pjsip.conf:23: inherits from") {
		t.Errorf("%+v", r.Findings)
	}
}

// What a sentence says depends on what is known.
func TestSentencesFitTheCase(t *testing.T) {
	for name, tt := range map[string]struct {
		change change
		says   string
	}{
		"a context that is set":      {change{pj, "context=phones", "context=phonez"}, "the log says \"extension not found"},
		"a context that is not":      {change{pj, "context=provider\n", ""}, "No context is set"},
		"a module that is kept out":  {change{md, "", "noload => res_pjsip_registrar.so\n"}, "keeps it out (noload)"},
		"a module that is not named": {change{md, "autoload=yes", "autoload=no\nload => chan_pjsip.so"}, "autoload is off"},
		"an RTP range without lines": {change{rtp, "rtpstart=10000\nrtpend=20000\n", ""}, "sets neither rtpstart"},
		"a type that was meant":      {change{pj, "[trunk]\ntype=identify", "[trunk]\ntype=idenitfy"}, "The type is called identify"},
		"a name that was meant":      {change{pj, "endpoint=trunk", "endpoint=Trunk"}, "Most likely"},
		"tones inside the speech":    {change{pj, "rtp_symmetric=yes", "rtp_symmetric=yes\ndtmf_mode=inband"}, "tones inside the speech"},
	} {
		t.Run(name, func(t *testing.T) {
			r := handOver(t, changed(t, tt.change))
			if !slices.ContainsFunc(r.Findings, func(f checks.Finding) bool { return strings.Contains(f.Explanation, tt.says) }) {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

const goodSIP = `[general]
context=strangers
allowguest=no
udpbindaddr=0.0.0.0
externaddr=203.0.113.5
localnet=192.168.0.0/255.255.0.0
nat=force_rport,comedia
[301]
type=friend
host=dynamic
secret=Xk29fkqlwPz8
context=phones
disallow=all
allow=alaw
`

func TestMistakesInSIPConf(t *testing.T) {
	for name, tt := range map[string]struct {
		from, to string
		want     []string
	}{
		"nothing":                           {"", "", nil},
		"externaddr without localnet":       {"localnet=192.168.0.0/255.255.0.0\n", "", []string{"external-useless"}},
		"neither":                           {"externaddr=203.0.113.5\nlocalnet=192.168.0.0/255.255.0.0\n", "", nil},
		"a private externaddr":              {"203.0.113.5", "10.0.0.5", []string{"external-private"}},
		"localnet of everything":            {"localnet=192.168.0.0/255.255.0.0", "localnet=0.0.0.0/0", []string{"local-net-everything"}},
		"nat=no":                            {"nat=force_rport,comedia", "nat=no", []string{"rport-off.chan-sip"}},
		"the nat that chan_sip takes":       {"nat=force_rport,comedia\n", "", []string{"nat-options.chan-sip"}},
		"the old nat=yes":                   {"nat=force_rport,comedia", "nat=yes", nil},
		"no secret":                         {"secret=Xk29fkqlwPz8\n", "", []string{"open.chan-sip"}},
		"no secret, and a list":             {"secret=Xk29fkqlwPz8\n", "deny=0.0.0.0/0\npermit=192.168.0.0/16\n", nil},
		"the secret is the name":            {"secret=Xk29fkqlwPz8", "secret=301", []string{"weak-password.same"}},
		"a slip":                            {"externaddr", "externadr", []string{"unknown-option.chan-sip"}},
		"an option that nobody knows":       {"secret=", "ournote=7\nsecret=", nil},
		"strangers where phones dial":       {"context=strangers\nallowguest=no", "context=phones", []string{"guests"}},
		"strangers where nobody else dials": {"allowguest=no\n", "", nil},
		"TCP that is off":                   {"context=phones", "context=phones\ntransport=tcp", []string{"sip-transport-off"}},
		"TCP beside UDP":                    {"context=phones", "context=phones\ntransport=udp,tcp", nil},
		"registering by TCP that is off":    {"nat=", "register => tcp://me:secret7x@198.51.100.9\nnat=", []string{"sip-transport-off"}},
		"registering by TCP that is on":     {"nat=", "tcpenable=yes\nregister => tcp://me:secret7x@198.51.100.9\nnat=", nil},
		"codecs taken away":                 {"disallow=all\nallow=alaw", "allow=alaw\ndisallow=all", []string{"codec-order"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := handOver(t, map[string]string{sip: strings.Replace(goodSIP, tt.from, tt.to, 1)})
			if diff := cmp.Diff(tt.want, found(r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// No password comes out: not of a right option, of a wrong one, or of a URI.
func TestNoPasswordIsKept(t *testing.T) {
	files := changed(t, change{pj, "password=Xk29fkqlwPz8", "pasword=hunter2000\npassword=hunter2000"}, change{pj, "contact=sip:198.51.100.9", "contact=sip:me:hunter2000@198.51.100.9\nsetvar=P=hunter2000"},
		change{dp, "Dial(PJSIP/201&PJSIP/202)", "Dial(PJSIP/nope/sip:u:hunter2000@198.51.100.9)"})
	files[sip] = "[general]\nregister => me:hunter2000@198.51.100.9\n[authentication]\nauth=me:hunter2000@realm\n[9]\ntype=peer\nsecrt=hunter2000\nremotesecret=hunter2000\n"
	files["rtp.conf"] += "turnpassword=hunter2000\n"
	r := handOver(t, files)
	if len(r.Findings) < 2 {
		t.Fatalf("%v", found(r))
	}
	var o Observed
	if err := json.Unmarshal(r.Observed, &o); err != nil {
		t.Fatal(err)
	}
	s, ok := o.Settings.Open()
	open, err := json.Marshal(s)
	all, err2 := json.Marshal(r)
	if !ok || err != nil || err2 != nil {
		t.Fatal(ok, err, err2)
	}
	if bytes.Contains(open, []byte("hunter2000")) || bytes.Contains(all, []byte("hunter2000")) {
		t.Errorf("a password is kept: %s", open)
	}
}

// What is known of the machine decides what its settings are compared with.
func TestSettingsAgainstTheMachine(t *testing.T) {
	office := LAN{netip.MustParsePrefix("192.168.1.0/24"), "eth0"}
	vpn := LAN{netip.MustParsePrefix("10.8.0.0/24"), "wg0"}
	private, public := []netip.Addr{netip.MustParseAddr("192.168.1.5")}, []netip.Addr{netip.MustParseAddr("203.0.113.5")}
	behind := "bind=0.0.0.0:5060\n" + external + "local_net=192.168.0.0/16\n"
	for name, tt := range map[string]struct {
		own  []netip.Addr
		lans []LAN
		seen []netip.Addr // by STUN
		bind string
		want []string
	}{
		"behind NAT, as it was seen":                 {private, []LAN{office}, public, behind, nil},
		"behind NAT, and seen elsewhere":             {private, []LAN{office}, []netip.Addr{netip.MustParseAddr("203.0.113.77")}, behind, []string{"external-wrong"}},
		"behind NAT, and nobody looked":              {private, []LAN{office}, nil, behind, nil},
		"behind NAT without an external address":     {private, []LAN{office}, nil, "bind=0.0.0.0:5060\n", []string{"external-missing"}},
		"an address of its own":                      {public, nil, nil, "bind=0.0.0.0:5060\n", nil},
		"its own address, set too":                   {public, []LAN{office}, nil, behind, nil},
		"another address than its own":               {[]netip.Addr{netip.MustParseAddr("203.0.113.6")}, nil, nil, behind, []string{"external-wrong"}},
		"a VPN whose phones are told the public one": {private, []LAN{office, vpn}, public, behind, []string{"local-net-lan"}},
		"nothing is known":                           {nil, nil, nil, "bind=0.0.0.0:5060\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := settingsOf(t, changed(t, change{pj, "bind=0.0.0.0:5060\n", tt.bind}))
			var got []string
			for _, f := range examine(s, &Observed{Found: true, Own: tt.own, LANs: tt.lans, RTP: asterisk.RTP{First: 10000, Last: 20000}}, tt.seen) {
				got = append(got, f.ID)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
