package secrets

import (
	"regexp"
	"slices"
	"strings"
)

// secretParts make the name of an option the name of a secret wherever they
// stand in it; secretWords only as a word of their own.
func secretParts() []string {
	return []string{
		"passw", "passphrase", "secret", "token", "apikey", "credential", "md5cred", "privatekey", "presharedkey", "webhook",
		"userpwd", "authkey", "accesskey", "sharedkey", "encryptionkey", "licensekey", "community", "cookie", "nonce", "bearer",
	}
}

func secretWords() []string {
	return []string{"pass", "pwd", "pw", "pin", "pins", "psk", "key", "keys", "inkey", "inkeys", "outkey", "cred", "creds", "bot", "sig", "signature", "salt", "otp", "hash"}
}

var nameWord = regexp.MustCompile(`[a-z0-9]+`)

// isSecret reports whether an option of this name holds a secret: "bypass" and
// "passthrough" do not, "priv_key_file" names a file.
func isSecret(name string) bool {
	words := nameWord.FindAllString(strings.ToLower(name), -1)
	if len(words) == 0 {
		return false
	}
	if last := words[len(words)-1]; last == "file" || last == "path" || last == "dir" {
		return false
	}
	all := strings.Join(words, "")
	if slices.ContainsFunc(secretParts(), func(p string) bool { return strings.Contains(all, p) }) {
		return true
	}
	return slices.ContainsFunc(words, func(w string) bool {
		ending := strings.HasSuffix(w, "pass") && w != "bypass" || strings.HasSuffix(w, "pwd") || strings.HasSuffix(w, "pin")
		return ending || slices.Contains(secretWords(), w)
	})
}

// harmless are options of Asterisk whose values stay whatever they are: what
// the checks read, and what says who talks to whom and how. Their order is that
// of the files they stand in.
var harmless = wordSet(`
type protocol bind transport external_signaling_address external_media_address external_signaling_port local_net domain
tos cos allow_reload method verify_client verify_server cipher cert_file ca_list_file priv_key_file
aors context disallow allow direct_media rtp_symmetric force_rport rewrite_contact dtmf_mode from_user from_domain mailboxes
language trust_id_inbound send_pai send_rpid media_address media_encryption ice_support identify_by outbound_proxy
outbound_auth message_context callerid device_state_busy_at rtp_timeout timers
contact max_contacts minimum_expiration maximum_expiration default_expiration qualify_frequency remove_existing
endpoint match srv_lookups server_uri client_uri contact_user expiration retry_interval max_retries line support_path
permit deny acl contact_permit contact_deny contact_acl contactpermit contactdeny contactacl
auth_type username realm remote_hosts sends_registrations accepts_registrations sends_auth accepts_auth
user defaultuser fromuser fromdomain host port bindport bindaddr udpbindaddr tcpbindaddr tlsbindaddr tcpenable tlsenable
externaddr externip externhost externtlsport localnet nat insecure qualify qualifyfreq directmedia canreinvite dtmfmode
peer subscribecontext outboundproxy srvlookup useragent sdpsession videosupport allowguest alwaysauthreject
rtpstart rtpend strictrtp icesupport stunaddr turnaddr rtpchecksums dtmftimeout probation
enabled webenabled read write writetimeout displayconnects allowmultiplelogin timestampevents
dateformat appendhostname queue_log event_log rotatestrategy use_callids
astetcdir astmoddir astvarlibdir astdbdir astkeydir astdatadir astagidir astspooldir astrundir astlogdir astsbindir
dsn driver pooling pre-connect max_connections dbname hostname failregex include
`)

// allowed reports whether an option is one of those whose value stays.
func allowed(name string) bool {
	return harmless[strings.ToLower(name)]
}

// IsKeyword reports whether a word is one of the vocabulary of configuration
// files: it identifies no one, and files cannot be read without it.
func IsKeyword(word string) bool {
	word = strings.ToLower(word)
	return allowed(word) || switches[word]
}

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}
