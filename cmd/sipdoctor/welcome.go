package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// welcome is what the program says when it is started without a command: what
// this machine looks like, which command fits, and the help.
func (s streams) welcome(cmd *cobra.Command) error {
	role := netinfo.LooksLike(platform.ThisSystem())
	fits := map[netinfo.Role]string{netinfo.RolePBX: "sudo sipdoctor pbx", netinfo.RoleRouter: "sipdoctor check sip-alg"}[role]
	if err := writeProse(s.Out, s.say("say.looks-like", words.Args{"role": string(role), "command": cmp.Or(fits, "sipdoctor check")})+"\n\n"); err != nil {
		return err
	}
	return cmd.Help()
}
