package mcp

import (
	"encoding/json"
	"slices"
	"time"
)

// stateless is the revision in which every request says what it speaks. Those before
// begin with a handshake.
const stateless = "2026-07-28"

// handshaken are the revisions with a handshake that are spoken, the newest first. They
// differ in nothing that is used here.
func handshaken() []string { return []string{"2025-11-25", "2025-06-18"} }

// meta is what a request says of itself.
type meta struct {
	Progress     json.RawMessage            `json:"progressToken"` // nil where nobody wants to know
	Version      *string                    `json:"io.modelcontextprotocol/protocolVersion"`
	Capabilities map[string]json.RawMessage `json:"io.modelcontextprotocol/clientCapabilities"`
}

// metaOf reads it. A request without a revision is one after a handshake.
func metaOf(m message) (meta, *rpcError) {
	var params struct {
		Meta meta `json:"_meta"`
	}
	if len(m.Params) > 0 && (m.Params[0] != '{' || json.Unmarshal(m.Params, &params) != nil) {
		return meta{}, refused(codeParams, "params must be an object, and _meta one of the types of MCP")
	}
	about := params.Meta
	switch {
	case len(about.Progress) > 0 && !isToken(about.Progress):
		return meta{}, refused(codeParams, "the progressToken must be a whole number or a plain string")
	case about.Version == nil && m.Method != "server/discover" || about.Version != nil && slices.Contains(handshaken(), *about.Version):
		about.Version = nil
	case about.Version == nil:
		return meta{}, refused(codeParams, "_meta must name io.modelcontextprotocol/protocolVersion")
	case *about.Version != stateless:
		err := refused(codeVersion, "the revision "+quote(*about.Version)+" of the protocol is not spoken here")
		err.Data = object{"supported": append([]string{stateless}, handshaken()...), "requested": *about.Version}
		return meta{}, err
	case about.Capabilities == nil:
		return meta{}, refused(codeParams, "_meta must name io.modelcontextprotocol/clientCapabilities")
	}
	return about, nil
}

// fresh is how long a client may keep what does not change while this program runs.
const fresh = time.Hour

// complete is a result in the form of the request's revision.
func (s *Server) complete(about meta, method string, result object) object {
	if about.Version == nil {
		return result
	}
	result["resultType"] = "complete"
	result["_meta"] = object{"io.modelcontextprotocol/serverInfo": s.info()}
	if method != "tools/call" { // all others are told anew in the same words
		result["ttlMs"], result["cacheScope"] = fresh.Milliseconds(), "private"
	}
	return result
}

func (s *Server) info() object { return object{"name": s.Name, "version": s.Version} }
