package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
)

// welcome is what the program says when it is started without a command: what
// this machine looks like, which command fits, and the help.
func welcome(cmd *cobra.Command) error {
	looks, command := "a machine in an office", "sipdoctor check"
	switch netinfo.LooksLike(platform.ThisSystem()) {
	case netinfo.RolePBX:
		looks, command = "a PBX", "sudo sipdoctor pbx"
	case netinfo.RoleRouter:
		looks, command = "a router", "sipdoctor check sip-alg"
	}
	fmt.Fprintf(cmd.OutOrStdout(), "This looks like %s. Try: %s\n\n", looks, command)
	return cmd.Help()
}
