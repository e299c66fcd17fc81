package fail2ban

import (
	"github.com/sipdoctor/sipdoctor/fixes"
	"github.com/sipdoctor/sipdoctor/platform/command"
)

// startJail starts a jail that is set and does not run.
func startJail(name string) []fixes.Fix {
	return fixes.Fix{
		ID: "start-jail", Title: "Start the jail, and read why it does not", Where: "pbx", Platform: "fail2ban",
		Verify: []string{"sipdoctor pbx fail2ban"}, Persistent: true, Source: "fail2ban-client(1)",
	}.Steps(command.Step{
		Do:   []command.Command{command.New("fail2ban-client", "reload").Values(name)},
		Undo: []command.Command{command.New("fail2ban-client", "stop").Values(name)},
	})
}
