package checks

import "github.com/sipdoctor/sipdoctor/checks/internal/pbx"

// PBX is the machine that the run looks at from inside; its checks share what
// was read of it. It must not be asked without a System.
func (e *Env) PBX() *pbx.PBX {
	e.pbxOnce.Do(func() { e.pbx = pbx.New(e.System) })
	return e.pbx
}
