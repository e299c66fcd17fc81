package capture

import (
	"strings"

	"github.com/sipdoctor/sipdoctor/checks"
)

// maxCases is how many findings of one kind are shown: whoever scans a server with
// a thousand names would fill the report with them.
const maxCases = 20

// cases collects exchanges that have one cause, by what they have in common.
type cases struct {
	list []*group
	by   map[string]*group
}

// add puts an exchange into its group and claims it for the finding id; an empty id
// claims nothing, for what explains no call. t is the transaction that shows the fault;
// nil where none does.
func (c *cases) add(v *view, id, key string, x *exchange, t *transaction, proof ...checks.Evidence) *group {
	if id != "" {
		v.found[x] = id
	}
	g := c.by[key]
	if g == nil {
		g = &group{key: key, at: t}
		if c.by == nil {
			c.by = map[string]*group{}
		}
		c.by[key] = g
		if len(c.list) < maxCases {
			c.list = append(c.list, g)
		} else {
			v.more++
		}
	}
	if len(g.list) < examples {
		g.proof = append(g.proof, proof...)
	}
	g.list = append(g.list, x)
	if id != "" {
		v.groups[x] = g
	}
	return g
}

// gather is add for what does not explain a call that another finding explains.
func (c *cases) gather(v *view, id, key string, x *exchange, proof ...checks.Evidence) *group {
	if v.found[x] != "" {
		id = ""
	}
	return c.add(v, id, key, x, nil, proof...)
}

// ways are the transactions of an exchange by method and by who asks whom, each
// list in the order of the capture. Of a registration that is renewed for hours they
// are its whole history.
func (x *exchange) ways() (out [][]*transaction) {
	at := map[way]int{}
	for _, t := range x.list {
		if t.request == nil || t.first.Method == "ACK" || t.first.Method == "CANCEL" {
			continue
		}
		k := way{t.first.Method, t.client.String(), t.server.String(), t.first.Interface}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], t)
	}
	return out
}

type way struct {
	method, client, server string
	iface                  int
}

// isAsterisk reports whether a message says that Asterisk wrote it (FreePBX
// replaces the name by its own).
func (m *Message) isAsterisk() bool {
	agent := strings.ToLower(m.Agent)
	return strings.Contains(agent, "asterisk") || strings.HasPrefix(agent, "fpbx") || strings.Contains(agent, "freepbx")
}
