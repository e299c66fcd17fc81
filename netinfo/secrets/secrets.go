// Package secrets takes passwords, keys and tokens out of the files of a PBX
// and out of what its programs print: bytes in, bytes out. Where the language of
// a file is known, an option stays because its name or the form of its value is
// known to be harmless, and everything else goes; other text is searched for
// what secrets look like. Lines keep their numbers, and what the readers of
// netinfo need stays as it is, so that they find the same in the result.
package secrets

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// Removed stands where a secret stood.
const Removed = "[removed]"

// Remove takes the secrets out of a file. Its language is told from its name
// and its content; a name that begins with "$ " is a command line, and data is
// what the command printed.
func Remove(name string, data []byte) []byte {
	if isDatabase(data) {
		return database(data)
	}
	if bytes.HasPrefix(data, []byte("TZif")) || strings.HasPrefix(name, "/proc/net/") || strings.HasPrefix(name, "/proc/sys/") || strings.HasPrefix(name, "/sys/") {
		return data // a time zone, and the kernel's own figures
	}
	if clean := languageOf(name, data); clean != nil {
		data = clean(data)
	}
	return Text(data)
}

var (
	iniHeader  = regexp.MustCompile(`(?m)^\[[^\]\r\n]+\](\([^)\r\n]*\))?[ \t]*(;.*)?\r?$`)
	assignment = regexp.MustCompile(`^[\w./ -]+(\+?=>?|=)`)
)

// languageOf picks the cleaner for the language of a file; nil: plain text.
func languageOf(name string, data []byte) func([]byte) []byte {
	base, dir := strings.ToLower(path.Base(name)), strings.ToLower(path.Dir(name))+"/"
	in := func(part string) bool { return strings.Contains(dir, part) }
	if strings.HasPrefix(name, "$ ") {
		if strings.HasPrefix(name, "$ fail2ban-client ") && strings.Contains(name, " action ") {
			property := name[strings.LastIndexByte(name, ' ')+1:]
			return func(b []byte) []byte { return actionAnswer(property, b) }
		}
		return nil
	}
	switch ext := path.Ext(base); {
	case in("/log/") || in("/firewalld/") || in("/ufw/") || in("/sshguard/") || strings.Contains(base, ".log"):
		return nil // comments on rules are evidence
	case in("/csf/") && base != "csf.conf":
		return nil
	case in("/fail2ban/"):
		return func(b []byte) []byte { return fail2ban(in("/action.d/"), b) }
	case ext == ".php" || bytes.HasPrefix(bytes.TrimSpace(data), []byte("<?php")):
		return php
	case ext == ".yaml" || ext == ".yml":
		return yaml
	case ext == ".xml" || bytes.HasPrefix(bytes.TrimSpace(data), []byte("<?xml")):
		return xml
	case ext == ".json" || ext == ".key" || ext == ".pem" || ext == ".crt":
		return nil
	case in("/kamailio/") || in("/opensips/") || bytes.HasPrefix(data, []byte("#!KAMAILIO")) || bytes.HasPrefix(data, []byte("#!SER")):
		return kamailio
	case in("/asterisk/") || iniHeader.Match(data) && ext != ".rules":
		return func(b []byte) []byte { return asteriskConf(base, b) }
	case ext == ".conf" || ext == ".cfg" || ext == ".env" || in("/default/") || mostlyAssignments(data):
		return assignments
	}
	return nil
}

// mostlyAssignments recognises a file of settings under any name, such as one
// that another includes.
func mostlyAssignments(data []byte) bool {
	are, others := 0, 0
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0 || line[0] == '#' || line[0] == ';':
		case assignment.Match(line):
			are++
		default:
			others++
		}
	}
	return are > others
}

// eachLine rewrites a text line by line; f sees lines without their ends.
func eachLine(data []byte, f func(line string) string) []byte {
	var out bytes.Buffer
	for raw := range strings.Lines(string(data)) {
		line := strings.TrimRight(raw, "\r\n")
		out.WriteString(f(line))
		out.WriteString(raw[len(line):])
	}
	return out.Bytes()
}
