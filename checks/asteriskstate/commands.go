package asteriskstate

// Commands of Asterisk that fixes give, and what they begin with.
const (
	hangUp       = "channel request hangup "
	sendRegister = "pjsip send register "
	reloadSIP    = "sip reload"
	reloadPJSIP  = "module reload res_pjsip.so"
	loadModule   = "module load "
	unloadModule = "module unload "
	showOne      = "pjsip show "
)

// States of chan_sip's registrations, in lower case.
const (
	requestSent      = "request sent"
	noAuthentication = "no authentication"
)
