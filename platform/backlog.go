package platform

// Backlog is what a socket's reader has not kept up with.
type Backlog struct {
	Dropped uint64 // datagrams that the system dropped for lack of room, since the socket was opened
	Waiting int    // bytes in the receive queue
}

// BacklogMeter is a socket that knows its backlog. Callers ask for it with a
// type assertion: only Linux tells.
type BacklogMeter interface{ Backlog() (Backlog, error) }
