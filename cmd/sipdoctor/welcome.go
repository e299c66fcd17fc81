package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sipdoctor/sipdoctor/netinfo"
	"github.com/sipdoctor/sipdoctor/platform"
	"github.com/sipdoctor/sipdoctor/platform/words"
)

// welcome is what the program says when it is started without a command: what
// this machine looks like, which command fits, and the help.
func (s streams) welcome(cmd *cobra.Command) error {
	role := netinfo.LooksLike(platform.ThisSystem())
	command := "sipdoctor check"
	switch role {
	case netinfo.RolePBX:
		command = "sudo sipdoctor pbx"
	case netinfo.RoleRouter:
		command = "sipdoctor check sip-alg"
	}
	fmt.Fprint(s.Out, s.say("say.looks-like", words.Args{"role": string(role), "command": command}), "\n\n")
	return cmd.Help()
}
