// Package mcp is the server's side of the Model Context Protocol over a pair of streams:
// JSON-RPC 2.0, a message a line (modelcontextprotocol.io, revisions 2025-06-18,
// 2025-11-25 and 2026-07-28). It knows tools that change nothing, and resources that are
// texts.
package mcp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// maxCalls is how many calls may run at once: an assistant that asks for more lost
// count of them.
const maxCalls = 8

// Server answers one client.
type Server struct {
	Name, Version, Instructions string
	Tools                       []Tool
	Resources                   []Resource
}

// Resource is a text that a client may read.
type Resource struct {
	URI, Name, Description, Type string // Type is a media type
	Text                         string
}

// Serve answers what in asks until it ends, then what is still running, and returns nil.
// When ctx ends, so does whatever runs, and nothing more is answered. It then returns
// while in is still being read, and out perhaps written: they are the caller's to close.
func (s *Server) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &conn{server: s, ctx: ctx, fail: cancel, out: out, calls: map[string]*call{}}
	lines := make(chan line)
	go read(ctx, in, lines)
	for {
		select {
		case <-ctx.Done():
		case l, ok := <-lines:
			if ok {
				c.take(l)
				continue
			}
		}
		c.finish()
		if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
}

// endGrace is how long calls that are told to end may take to say goodbye to a
// responder. A client that reads no more must not keep the program alive.
const endGrace = 5 * time.Second

// finish waits for what is running; not for long once it was told to end.
func (c *conn) finish() {
	done := make(chan struct{})
	go func() { c.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-c.ctx.Done():
		select {
		case <-done:
		case <-time.After(endGrace):
		}
	}
}

type line struct {
	text []byte
	err  error
}

// read hands on the lines of in.
func read(ctx context.Context, in io.Reader, lines chan<- line) {
	defer close(lines)
	r := bufio.NewReader(in)
	for {
		text, err := readLine(r)
		if err != nil && !errors.Is(err, errTooLong) {
			return
		}
		select {
		case lines <- line{text, err}:
		case <-ctx.Done():
			return
		}
	}
}

// conn is a session.
type conn struct {
	server  *Server
	ctx     context.Context
	fail    context.CancelCauseFunc
	running sync.WaitGroup

	mu    sync.Mutex
	out   io.Writer
	calls map[string]*call // by the ID of the request
}

// take answers a message, or begins to.
func (c *conn) take(l line) {
	if l.err != nil {
		c.answer(null, nil, refused(codeInvalid, "the message is longer than 8 MiB"))
		return
	}
	m, err := parse(l.text)
	switch {
	case err != nil:
		c.answer(m.ID, nil, err)
	case m.Method == "notifications/cancelled":
		c.cancel(m.Params)
	case m.Method == "" || len(m.ID) == 0: // an answer to nothing, or news of no use here
	default:
		c.request(m)
	}
}

func (c *conn) request(m message) {
	about, err := metaOf(m)
	var result object
	switch {
	case err != nil:
	case m.Method == "tools/call":
		if err = c.begin(m, about); err == nil {
			return // it is answered when it ends
		}
	default:
		result, err = c.server.tell(m, about)
	}
	if err != nil {
		c.answer(m.ID, nil, err)
		return
	}
	c.answer(m.ID, c.server.complete(about, m.Method, result), nil)
}

// answer sends what came of a request.
func (c *conn) answer(id json.RawMessage, result any, err *rpcError) {
	m := message{Version: "2.0", ID: id, Result: result}
	if err != nil {
		m.Result, m.Error = nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(m)
}

// write sends a message, under the lock; whoever cannot be written to any more is gone.
func (c *conn) write(m message) {
	b, err := json.Marshal(m)
	if err == nil {
		_, err = c.out.Write(append(b, '\n'))
	}
	if err != nil {
		c.fail(err)
	}
}

type object = map[string]any

// tell answers what needs no time.
func (s *Server) tell(m message, about meta) (object, *rpcError) {
	var params struct {
		ProtocolVersion string `json:"protocolVersion"`
		URI             string `json:"uri"`
	}
	if len(m.Params) > 0 && json.Unmarshal(m.Params, &params) != nil {
		return nil, refused(codeParams, "params must be an object of the types of "+quote(m.Method))
	}
	switch m.Method {
	case "initialize":
		v := handshaken()[0]
		if slices.Contains(handshaken(), params.ProtocolVersion) {
			v = params.ProtocolVersion
		}
		return object{"protocolVersion": v, "instructions": s.Instructions, "capabilities": capabilities(), "serverInfo": s.info()}, nil
	case "server/discover":
		return object{"supportedVersions": append([]string{stateless}, handshaken()...), "instructions": s.Instructions, "capabilities": capabilities()}, nil
	case "ping":
		return object{}, nil
	case "tools/list":
		return object{"tools": s.listTools()}, nil
	case "resources/list":
		list := []object{}
		for _, r := range s.Resources {
			list = append(list, object{"uri": r.URI, "name": r.Name, "description": r.Description, "mimeType": r.Type, "size": len(r.Text)})
		}
		return object{"resources": list}, nil
	case "resources/templates/list":
		return object{"resourceTemplates": []object{}}, nil
	case "resources/read":
		for _, r := range s.Resources {
			if r.URI == params.URI {
				return object{"contents": []object{{"uri": r.URI, "mimeType": r.Type, "text": r.Text}}}, nil
			}
		}
		code := codeNoResource
		if about.Version != nil {
			code = codeParams
		}
		return nil, refused(code, "there is no resource "+quote(params.URI))
	}
	return nil, refused(codeNoMethod, "there is no method "+quote(m.Method))
}

func capabilities() object { return object{"tools": object{}, "resources": object{}} }

func (s *Server) listTools() []object {
	list := []object{}
	for _, t := range s.Tools {
		list = append(list, object{
			"name": t.Name, "description": t.Description, "inputSchema": t.schema(),
			"annotations": object{"readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": t.Sends},
		})
	}
	return list
}
