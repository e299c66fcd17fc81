package netinfo

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPlain bounds a text from a stranger that is kept as a fact. The longest
// honest one seen is a UPnP model description of some 80 characters.
const maxPlain = 120

// plain makes one line of printable text of what a stranger sent: invalid
// UTF-8 and control characters go, white space collapses, and it ends after
// maxPlain characters.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > maxPlain {
		s = string([]rune(s)[:maxPlain])
	}
	return s
}

var (
	titleTag   = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title`)
	metaTag    = regexp.MustCompile(`(?is)<meta[^>]*http-equiv\s*=\s*["']?refresh["']?[^>]*>`)
	refreshURL = regexp.MustCompile(`(?i)url\s*=\s*['"]?([^'">\s]+)`)
	// RFC 9110, 11.5: realm is a quoted string; old routers leave the quotes out.
	authRealm = regexp.MustCompile(`(?i)\brealm\s*=\s*(?:"([^"]*)"|([^",\s]+))`)
)

// htmlTitle returns the title of a page, empty when it has none.
func htmlTitle(page []byte) string {
	m := titleTag.FindSubmatch(page)
	if m == nil {
		return ""
	}
	return plain(html.UnescapeString(string(m[1])))
}

// htmlRefresh returns where a page sends the browser at once (OpenWrt's front
// page does), if that is on the same host; nil otherwise.
func htmlRefresh(page []byte, base *url.URL) *url.URL {
	m := refreshURL.FindSubmatch(metaTag.Find(page))
	if m == nil {
		return nil
	}
	u, err := base.Parse(html.UnescapeString(string(m[1])))
	if err != nil || u.Scheme != base.Scheme || u.Host != base.Host {
		return nil
	}
	return u
}

// realms returns the names by which a page asks for a password.
func realms(h http.Header) []string {
	var list []string
	for _, v := range h.Values("Www-Authenticate") {
		for _, m := range authRealm.FindAllStringSubmatch(v, -1) {
			if r := plain(m[1] + m[2]); r != "" {
				list = append(list, r)
			}
		}
	}
	return list
}
