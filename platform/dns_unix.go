//go:build unix

package platform

func systemNameservers() ([]string, error) { return readResolvConf("/etc/resolv.conf") }
