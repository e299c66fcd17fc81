package netinfo

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// ssdpPort is the UDP port of UPnP's discovery; ssdpGroup its multicast group
// (UPnP Device Architecture 1.1, 1.1).
const ssdpPort = 1900

var ssdpGroup = netip.AddrFrom4([4]byte{239, 255, 255, 250})

const (
	// A device of version 2 must answer a search for version 1 (UPnP Device
	// Architecture 1.1, 1.3.2).
	ssdpGatewayType = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
	ssdpRootDevice  = "upnp:rootdevice"
)

// ssdpSearch builds an M-SEARCH. MX 1 asks for answers within a second: the
// whole discovery has two.
func ssdpSearch(host, target string) []byte {
	return []byte("M-SEARCH * HTTP/1.1\r\nHOST: " + host + ":1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: " + target + "\r\n\r\n")
}

// ssdpReply is a device's answer to an M-SEARCH.
type ssdpReply struct {
	Location string // URL of its description
	Server   string // operating system and UPnP library
}

var errNotSSDP = errors.New("no SSDP answer")

func parseSSDP(b []byte) (ssdpReply, error) {
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), nil)
	if err != nil {
		return ssdpReply{}, fmt.Errorf("%w: %w", errNotSSDP, err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return ssdpReply{}, fmt.Errorf("%w: status %d", errNotSSDP, resp.StatusCode)
	}
	return ssdpReply{
		Location: resp.Header.Get("Location"), Server: plain(resp.Header.Get("Server")),
	}, nil
}

// upnpDevice is what a description says about a device.
type upnpDevice struct {
	FriendlyName string `xml:"friendlyName"`
	Manufacturer string `xml:"manufacturer"`
	ModelName    string `xml:"modelName"`
	ModelNumber  string `xml:"modelNumber"`
	Services     []struct {
		Type    string `xml:"serviceType"`
		Control string `xml:"controlURL"`
	} `xml:"serviceList>service"`
	Devices []upnpDevice  `xml:"deviceList>device"`
	WAN     []upnpService `xml:"-"` // services that know the external address, of the devices inside too
}

// upnpService is a service of a device and where it is controlled.
type upnpService struct {
	Type    string
	Control *url.URL
}

// maxUPnPDepth bounds the nesting of devices: a gateway has three (root, WAN
// device, WAN connection).
const maxUPnPDepth = 8

// maxWANServices bounds how many services are asked for the external address: a
// router has one or two a line, and each question is a connection to it.
const maxWANServices = 8

// parseUPnP reads a device description that came from base. Control URLs that
// lead to another host are left out: a router is controlled at the router.
func parseUPnP(b []byte, base *url.URL) (upnpDevice, error) {
	var doc struct {
		XMLName xml.Name   `xml:"root"`
		Device  upnpDevice `xml:"device"`
	}
	dec := xml.NewDecoder(bytes.NewReader(b))
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // names and numbers are ASCII in every charset that occurs
	if err := dec.Decode(&doc); err != nil {
		return upnpDevice{}, fmt.Errorf("reading the UPnP description: %w", err)
	}
	d := doc.Device
	for _, text := range []*string{&d.Manufacturer, &d.ModelName, &d.ModelNumber, &d.FriendlyName} {
		*text = plain(*text)
	}
	d.WAN = wanServices(d, base, 0)
	d.WAN = d.WAN[:min(len(d.WAN), maxWANServices)]
	return d, nil
}

func wanServices(n upnpDevice, base *url.URL, depth int) []upnpService {
	if depth > maxUPnPDepth {
		return nil
	}
	var list []upnpService
	for _, s := range n.Services {
		kind := strings.TrimSpace(s.Type)
		if !strings.HasPrefix(kind, "urn:schemas-upnp-org:service:WANIPConnection:") && !strings.HasPrefix(kind, "urn:schemas-upnp-org:service:WANPPPConnection:") {
			continue
		}
		u, err := base.Parse(strings.TrimSpace(s.Control))
		if err != nil || u.Scheme != base.Scheme || u.Hostname() != base.Hostname() || strings.ContainsAny(kind, "\"<>&\r\n") {
			continue
		}
		list = append(list, upnpService{Type: kind, Control: u})
	}
	for _, child := range n.Devices {
		list = append(list, wanServices(child, base, depth+1)...)
	}
	return list
}

// soapExternalAddress is the body that asks a WAN service for its external
// address (UPnP WANIPConnection:1, 2.4.18).
func soapExternalAddress(serviceType string) []byte {
	return []byte(`<?xml version="1.0"?>` + "\r\n" +
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">` +
		`<s:Body><u:GetExternalIPAddress xmlns:u="` + serviceType + `"></u:GetExternalIPAddress></s:Body></s:Envelope>` + "\r\n")
}

// parseExternalAddress reads the answer to soapExternalAddress. A router
// without a connection says 0.0.0.0 or nothing, which is no address.
func parseExternalAddress(b []byte) (netip.Addr, error) {
	var doc struct {
		Addr string `xml:"Body>GetExternalIPAddressResponse>NewExternalIPAddress"`
	}
	if err := xml.Unmarshal(b, &doc); err != nil {
		return netip.Addr{}, fmt.Errorf("reading the external address: %w", err)
	}
	a, err := netip.ParseAddr(strings.TrimSpace(doc.Addr))
	if err != nil || a.IsUnspecified() || a.Zone() != "" {
		return netip.Addr{}, errors.New("reading the external address: the router has none")
	}
	return a.Unmap(), nil
}
