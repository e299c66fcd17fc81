package mcp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"unicode/utf8"
)

// MaxLine bounds a message, bytes: a text that is handed in to be diagnosed is the
// longest.
const MaxLine = 8 << 20

// The codes of JSON-RPC 2.0, section 5.1.
const (
	codeParse      = -32700
	codeInvalid    = -32600
	codeNoMethod   = -32601
	codeParams     = -32602
	codeBusy       = -32000 // the first that is left to servers
	codeNoResource = -32002 // MCP until 2025-11-25, resources, error handling
	codeVersion    = -32022 // MCP from 2026-07-28
)

// rpcError is the error of an answer. Its texts are for programs, in English.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (e *rpcError) Error() string { return e.Message }

func refused(code int, message string) *rpcError { return &rpcError{Code: code, Message: message} }

// message is a request, a notification, which has no ID, or an answer.
type message struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  any             `json:"result,omitempty"`
	Error   any             `json:"error,omitempty"`
}

// null is the ID of an answer to what has none that can be read.
var null = json.RawMessage("null")

// isToken reports whether it can be a request's ID, or the name of its progress: a
// number or a string, and short, as it is repeated.
func isToken(raw json.RawMessage) bool { return len(raw) <= maxToken && token.Match(raw) }

const maxToken = 202 // bytes, with the quotes

var token = regexp.MustCompile(`^(-?[0-9]{1,19}|"[^"\\]*")$`)

// parse reads a message. Its error comes with the ID to answer.
func parse(line []byte) (m message, err *rpcError) {
	m.ID = null
	if !json.Valid(line) || !utf8.Valid(line) { // an ID is repeated as it came
		return m, refused(codeParse, "this is not JSON in UTF-8")
	}
	if line = bytes.TrimSpace(line); line[0] != '{' {
		return m, refused(codeInvalid, "one message a line is expected, an object")
	}
	var in message
	if json.Unmarshal(line, &in) != nil {
		return m, refused(codeInvalid, "this is no message of JSON-RPC 2.0")
	}
	if len(in.ID) > 0 && !isToken(in.ID) {
		return m, refused(codeInvalid, "the id must be a whole number or a plain string of at most 200 bytes")
	}
	answer := in.Method == "" && (in.Result != nil || in.Error != nil)
	if in.Version != "2.0" || in.Method == "" && !answer {
		if len(in.ID) > 0 {
			m.ID = in.ID
		}
		return m, refused(codeInvalid, `a message has "jsonrpc": "2.0" and a method`)
	}
	if string(in.Params) == "null" {
		in.Params = nil
	}
	return in, nil
}

// errTooLong stands for a message that was thrown away.
var errTooLong = errors.New("too long")

// readLine returns the next message that is not blank, io.EOF after the last, and
// errTooLong for one that is longer than MaxLine.
func readLine(r *bufio.Reader) ([]byte, error) {
	for {
		var line []byte
		long := false
		for {
			part, err := r.ReadSlice('\n')
			if long = long || len(line)+len(part) > MaxLine; long {
				line = nil
			} else {
				line = append(line, part...)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0 && !long) {
				return nil, err
			}
			break
		}
		if long {
			return nil, errTooLong
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return line, nil
		}
	}
}
