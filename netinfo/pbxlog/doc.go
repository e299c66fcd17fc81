// Package pbxlog reads the logs of Asterisk, FreeSWITCH, Kamailio, OpenSIPS and
// fail2ban: bytes in, events out. A line is looked at only as far as it takes to
// know that it tells nothing, which is true of most lines. Names in a log come from
// strangers: what they may choose is never taken for what the program writes itself.
package pbxlog
