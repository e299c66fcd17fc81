package fail2ban

import (
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform"
)

// startJail starts a jail that is set and does not run.
func startJail(name string) fixes.Fix {
	return fixes.Fix{
		ID: "start-jail", Title: "Start the jail, and read why it does not", Where: "pbx", Platform: "fail2ban", Form: fixes.FormShell,
		Commands: []string{"fail2ban-client reload " + platform.ShellWord(name)}, Undo: []string{"fail2ban-client stop " + platform.ShellWord(name)},
		Verify: []string{"fail2ban-client status " + platform.ShellWord(name)}, Persistent: true, Source: "fail2ban-client(1)",
	}
}
