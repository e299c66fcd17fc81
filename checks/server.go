package checks

import "github.com/sipdoctor/sipdoctor/checks/internal/server"

// Server is the PBX that the run looks at from inside; its checks share what
// was read of it. It must not be asked without a System.
func (e *Env) Server() *server.Server {
	e.serverOnce.Do(func() { e.server = server.New(e.System) })
	return e.server
}
