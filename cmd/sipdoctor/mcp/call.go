package mcp

import (
	"context"
	"encoding/json"
	"slices"
)

// call is one that runs.
type call struct {
	id    json.RawMessage
	about meta
	stop  context.CancelFunc
	steps int  // that were told
	over  bool // nothing more may be said of it
}

// begin starts a call, unless it cannot be meant. Arguments that are wrong are an answer
// of the tool, so that whoever called it reads why.
func (c *conn) begin(m message, about meta) *rpcError {
	var params struct {
		Name      string                     `json:"name"`
		Arguments map[string]json.RawMessage `json:"arguments"`
	}
	if len(m.Params) == 0 || json.Unmarshal(m.Params, &params) != nil {
		return refused(codeParams, "params must name a tool, and arguments be an object")
	}
	i := slices.IndexFunc(c.server.Tools, func(t Tool) bool { return t.Name == params.Name })
	if i < 0 {
		return refused(codeParams, "there is no tool "+quote(params.Name))
	}
	tool := c.server.Tools[i]
	args, wrong := tool.read(params.Arguments)
	if wrong != nil {
		c.answer(m.ID, c.server.complete(about, m.Method, resultOf(Result{Failed: true, Text: wrong.Error()})), nil)
		return nil
	}
	ctx, stop := context.WithCancel(c.ctx)
	k := &call{id: m.ID, about: about, stop: stop}
	if err := c.enter(k); err != nil {
		stop()
		return err
	}
	c.running.Go(func() {
		defer stop()
		c.leave(k, tool.Call(ctx, args, func(text string) { c.told(k, text) }))
	})
	return nil
}

// enter notes a call that begins.
func (c *conn) enter(k *call) *rpcError {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.calls[string(k.id)] != nil:
		return refused(codeInvalid, "a call with this id is running")
	case len(c.calls) >= maxCalls:
		return refused(codeBusy, "8 calls are running; wait for one of them")
	}
	c.calls[string(k.id)] = k
	return nil
}

// leave answers a call that came to its end, unless the client has lost interest.
func (c *conn) leave(k *call, r Result) {
	c.mu.Lock()
	unwanted := k.over
	k.over = true
	delete(c.calls, string(k.id))
	c.mu.Unlock()
	if unwanted || c.ctx.Err() != nil {
		return
	}
	c.answer(k.id, c.server.complete(k.about, "tools/call", resultOf(r)), nil)
}

func resultOf(r Result) object {
	result := object{"content": []object{{"type": "text", "text": r.Text}}, "isError": r.Failed}
	if r.Structured != nil {
		result["structuredContent"] = r.Structured
	}
	return result
}

// cancel stops a call that the client does not need any more, which is then not
// answered.
func (c *conn) cancel(params json.RawMessage) {
	var p struct {
		ID json.RawMessage `json:"requestId"`
	}
	if json.Unmarshal(params, &p) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.calls[string(p.ID)]; k != nil {
		k.over = true
		k.stop()
	}
}

// told sends what a call is doing, in the order of its steps and never after the answer.
func (c *conn) told(k *call, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.about.Progress == nil || k.over || c.ctx.Err() != nil {
		return
	}
	k.steps++
	b, err := json.Marshal(object{"progressToken": k.about.Progress, "progress": k.steps, "message": text})
	if err == nil {
		c.write(message{Version: "2.0", Method: "notifications/progress", Params: b})
	}
}
