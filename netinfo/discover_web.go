package netinfo

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// A router's front page names it in its first lines.
	maxPage = 64 << 10
	// The longest UPnP description seen (FRITZ!Box, igddesc.xml and tr64desc.xml)
	// has some 30 KiB.
	maxDescription = 256 << 10
)

// client speaks HTTP with the gateway and nobody else: whatever a page, a
// description or a redirect names, no other address is dialled.
func (d discovery) client() *http.Client {
	t := &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			to, err := netip.ParseAddrPort(addr)
			if err != nil || to.Addr() != d.gateway {
				return nil, fmt.Errorf("%q is not the gateway", addr)
			}
			return d.net.DialTCP(ctx, netip.AddrPortFrom(d.local, 0), to)
		},
		// Nothing is trusted and nothing secret is sent: the certificate is read
		// for its name, and old routers speak old TLS.
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 32 << 10,
	}
	return &http.Client{Transport: t, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 || r.URL.Hostname() != d.gateway.String() {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// get fetches a page of the gateway. The body is cut off after limit bytes.
func (d discovery) get(ctx context.Context, u string, limit int64) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("asking %s: %w", u, err)
	}
	return d.do(req, limit)
}

func (d discovery) do(req *http.Request, limit int64) (*http.Response, []byte, error) {
	req.Header.Set("User-Agent", "sipdoctor")
	resp, err := d.client().Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("asking the router: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil && len(body) == 0 {
		return nil, nil, fmt.Errorf("reading the router's answer: %w", err)
	}
	return resp, body, nil
}

// web reads the router's front pages on ports 80 and 443.
func (d discovery) web(ctx context.Context) part {
	var pages [2]part
	var wg sync.WaitGroup
	for i, scheme := range []string{"http", "https"} {
		wg.Go(func() { pages[i] = d.page(ctx, scheme+"://"+d.gateway.String()+"/") })
	}
	wg.Wait()
	p := pages[0]
	for _, c := range pages[1].clues {
		p.clue(c.Method, c.Value)
	}
	if p.version == "" {
		p.version = pages[1].version
	}
	avm := strings.Contains(d.vendor, "AVM") || slices.ContainsFunc(p.clues, func(c Clue) bool { return strings.Contains(c.Value, "FRITZ!Box") })
	if avm {
		d.boxInfo(ctx, &p)
	}
	return p
}

// Names that stand in the text of a page rather than in its title. The clue
// keeps only what matched, not the page.
var pageNames = regexp.MustCompile(`(?i)RouterOS v?\d[\w.]*|cgi-bin/luci|TP-LINK Technologies|Rubicon Communications|Main_Login\.asp|tomato\.js|/\+CSCOE\+/|Palo Alto Networks|/global-protect/|DrayTek`)

var routerOSVersion = regexp.MustCompile(`(?i)^RouterOS v?(\d[\w.]*)`)

func (d discovery) page(ctx context.Context, u string) (p part) {
	// Two pages at most: the front page and where it sends the browser.
	for range 2 {
		resp, body, err := d.get(ctx, u, maxPage)
		if err != nil {
			return p
		}
		p.clue("http-title", htmlTitle(body))
		p.clue("http-server", plain(resp.Header.Get("Server")))
		for _, r := range realms(resp.Header) {
			p.clue("http-realm", r)
		}
		if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
			p.clue("tls-subject", plain(resp.TLS.PeerCertificates[0].Subject.String()))
		}
		for _, m := range pageNames.FindAll(body, 8) {
			p.clue("http-body", plain(string(m)))
			if v := routerOSVersion.FindStringSubmatch(string(m)); v != nil {
				p.version = v[1]
			}
		}
		next := htmlRefresh(body, resp.Request.URL)
		if next == nil || next.String() == u {
			return p
		}
		u = next.String()
	}
	return p
}

// boxInfo asks a FRITZ!Box for its model and version.
func (d discovery) boxInfo(ctx context.Context, p *part) {
	_, body, err := d.get(ctx, "http://"+d.gateway.String()+"/juis_boxinfo.xml", maxPage)
	if err != nil {
		return
	}
	name, version := parseBoxInfo(body)
	p.clue("boxinfo", strings.TrimSpace(name+" "+version))
	if name != "" {
		p.model, p.version = name, version
	}
}

// parseBoxInfo reads juis_boxinfo.xml of a FRITZ!Box; both are empty for
// anything else.
func parseBoxInfo(b []byte) (name, version string) {
	var doc struct {
		XMLName xml.Name `xml:"BoxInfo"`
		Name    string   `xml:"Name"`
		Version string   `xml:"Version"`
	}
	if err := xml.NewDecoder(bytes.NewReader(b)).Decode(&doc); err != nil {
		return "", ""
	}
	return plain(doc.Name), plain(doc.Version)
}

// upnp searches for the gateway's UPnP description, unicast and on the uplink's
// LAN, reads it and asks for the external address.
func (d discovery) upnp(ctx context.Context) (p part) {
	u, err := d.locate(ctx, &p)
	if err != nil {
		p.errs = append(p.errs, fmt.Errorf("asking by UPnP: %w", err))
	}
	if u == nil {
		return p
	}
	dev, err := d.describe(ctx, u)
	if err != nil {
		p.errs = append(p.errs, fmt.Errorf("reading the router's UPnP description: %w", err))
		return p
	}
	p.clue("upnp", plain(strings.Join([]string{dev.Manufacturer, dev.ModelName, dev.ModelNumber, dev.FriendlyName}, " ")))
	p.vendor, p.name = dev.Manufacturer, dev.FriendlyName
	p.model = dev.ModelName
	if !strings.Contains(dev.ModelName, dev.ModelNumber) {
		p.model = plain(dev.ModelName + " " + dev.ModelNumber)
	}
	for _, s := range dev.WAN {
		e := External{Method: "upnp"}
		if e.Addr, err = d.externalAddress(ctx, s); err == nil && !slices.Contains(p.external, e) {
			p.external = append(p.external, e)
		}
	}
	return p
}

// locate finds where the gateway's description is. It searches for an Internet
// gateway and, for routers whose port mapping is switched off, for any root
// device; the gateway's own answer ends the search.
func (d discovery) locate(ctx context.Context, p *part) (*url.URL, error) {
	type found struct {
		url    *url.URL
		server string
		err    error
	}
	targets := []string{ssdpGatewayType, ssdpRootDevice}
	results := make([]found, len(targets))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for i, target := range targets {
		wg.Go(func() {
			f := &results[i]
			f.url, f.server, f.err = d.search(ctx, target)
			if f.url != nil && target == ssdpGatewayType {
				cancel()
			}
		})
	}
	wg.Wait()
	for _, f := range results {
		p.clue("upnp-server", f.server)
	}
	for _, f := range results {
		if f.url != nil {
			return f.url, nil
		}
	}
	return nil, results[0].err
}

// search sends an M-SEARCH and returns the gateway's answer. What other devices
// in the LAN say is ignored, and so is a location that is not on the gateway.
func (d discovery) search(ctx context.Context, target string) (location *url.URL, server string, err error) {
	c, done, err := d.open(ctx, netip.AddrPortFrom(d.local, 0))
	if err != nil {
		return nil, "", err
	}
	defer done()
	q := question{to: []netip.AddrPort{netip.AddrPortFrom(d.gateway, ssdpPort), netip.AddrPortFrom(ssdpGroup, ssdpPort)}}
	q.packet = ssdpSearch(ssdpGroup.String(), target)
	// MX is a second, so the last answer may take 1.1 s; what then remains of
	// the whole discovery is enough to read the description.
	q.waits = []time.Duration{200 * time.Millisecond, 300 * time.Millisecond, 1100 * time.Millisecond}
	q.answer = func(b []byte, from netip.AddrPort) bool {
		if from.Addr() != d.gateway {
			return false
		}
		r, err := parseSSDP(b)
		if err != nil {
			return false
		}
		server = r.Server
		u, err := url.Parse(r.Location)
		if err != nil || u.Scheme != "http" || u.Hostname() != d.gateway.String() {
			return false
		}
		location = u
		return true
	}
	err = ask(ctx, c, q)
	return location, server, err
}

func (d discovery) describe(ctx context.Context, u *url.URL) (upnpDevice, error) {
	resp, body, err := d.get(ctx, u.String(), maxDescription)
	if err != nil {
		return upnpDevice{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return upnpDevice{}, fmt.Errorf("reading %s: status %d", u, resp.StatusCode)
	}
	return parseUPnP(body, u)
}

// externalAddress asks a WAN service for its address. It changes nothing.
func (d discovery) externalAddress(ctx context.Context, s upnpService) (netip.Addr, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Control.String(), bytes.NewReader(soapExternalAddress(s.Type)))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("asking for the external address: %w", err)
	}
	req.Header.Set("Content-Type", `text/xml; charset="utf-8"`)
	req.Header.Set("SOAPAction", `"`+s.Type+`#GetExternalIPAddress"`)
	_, body, err := d.do(req, maxPage)
	if err != nil {
		return netip.Addr{}, err
	}
	return parseExternalAddress(body)
}
