package secrets

import (
	"regexp"
	"strings"
)

// sipPassword takes the password out of "sip:user:password@", which may hold
// nearly anything but not the beginning of the next URI of a list.
func sipPassword(match string) string {
	scheme, rest, _ := strings.Cut(match, ":")
	user, password, _ := strings.Cut(rest, ":")
	if strings.Contains(strings.ToLower(password), "sip:") || strings.Contains(strings.ToLower(password), "sips:") {
		first, others, _ := strings.Cut(password, ",")
		if !strings.Contains(first, "@") { // a port, and another URI
			return scheme + ":" + user + ":" + first + "," + sipURI.ReplaceAllStringFunc(others, sipPassword)
		}
		at := strings.LastIndexByte(first, '@')
		return scheme + ":" + user + ":" + Removed + first[at:] + "," + sipURI.ReplaceAllStringFunc(others, sipPassword)
	}
	return scheme + ":" + user + ":" + Removed + "@"
}

var (
	sipURI = regexp.MustCompile(`(?i)\bsips?:[^\s:@<>"';]+:[^\s<>"']*@`)
	// Parts of paths that only a machine makes up.
	longToken = regexp.MustCompile(`^[A-Za-z0-9_=-]{20,}$`)
	botToken  = regexp.MustCompile(`(?i)^/bot\d`)
)

// cleanURL keeps of a web address who is asked for what, not what proves that
// one may ask: values of parameters, parts that look random, and all of the
// path where it is a webhook's.
func cleanURL(url string) string {
	start := strings.Index(url, "://") + len("://")
	end := strings.IndexAny(url[start:], "/?#")
	if end < 0 {
		return url
	}
	host, rest := url[:start+end], url[start+end:]
	rest, fragment, hasFragment := strings.Cut(rest, "#")
	path, query, hasQuery := strings.Cut(rest, "?")
	lower := strings.ToLower(host + path)
	if len(path) > 1 && (strings.Contains(lower, "hook") || botToken.MatchString(path)) {
		path = "/" + Removed
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if longToken.MatchString(p) && strings.ContainsAny(p, "0123456789") {
			parts[i] = Removed
		}
	}
	out := host + strings.Join(parts, "/")
	if hasQuery {
		out += "?" + cleanQuery(query)
	}
	if hasFragment && fragment != "" {
		out += "#" + Removed
	}
	return out
}

func cleanQuery(query string) string {
	params := strings.Split(query, "&")
	for i, p := range params {
		name, value, ok := strings.Cut(p, "=")
		switch {
		case value != "" && (isSecret(name) || !isPlain(value)) && !isPlaceholder(value):
			params[i] = name + "=" + Removed
		case !ok && !isPlain(name):
			params[i] = Removed
		}
	}
	return strings.Join(params, "&")
}

var headerValue = regexp.MustCompile(`^(.*?[:=][ \t]*\\?["']?)(.*)$`)

// header keeps the parameters of a digest, which are dealt with one by one, and
// the scheme of the others.
func header(match string) string {
	g := headerValue.FindStringSubmatch(match)
	if g == nil || g[2] == "" {
		return match
	}
	scheme, rest, two := strings.Cut(g[2], " ")
	switch {
	case strings.EqualFold(scheme, "digest"), strings.HasPrefix(g[2], Removed):
		return match
	case two && (strings.EqualFold(scheme, "basic") || strings.EqualFold(scheme, "bearer")) && rest != "":
		return g[1] + scheme + " " + Removed
	}
	return g[1] + Removed
}

var harmlessHeader = regexp.MustCompile(`(?i)^(?:-H|--header)[ =]*\\?["']?(?:accept|content-type|user-agent|host|expect)[\w-]*:`)

// headerOption removes the value of a header in a command line.
func headerOption(match string) string {
	if harmlessHeader.MatchString(match) {
		return match
	}
	return match[:strings.IndexByte(match, ':')+1] + " " + Removed
}
