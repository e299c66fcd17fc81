package responder

import (
	"net"
	"time"

	"github.com/sipdoctor/sipdoctor/checks/internal/session"
)

// A limitedListener accepts only as many connections as the limits allow.
type limitedListener struct {
	net.Listener
	s      *Server
	size   int64
	refuse func(net.Conn) // tells and closes one that there is no room for; nil: only closes
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.s.conns.add(conn, l.size); c != nil {
			return c, nil
		}
		if l.refuse != nil {
			l.refuse(conn)
		} else {
			_ = conn.Close()
		}
	}
}

const (
	// maxFarewells bounds the connections that are told at a time that there is
	// no room for them.
	maxFarewells = 64
	// farewellTime is how long that may take.
	farewellTime = time.Second
)

// sayBusy tells a client of the control channel that there is no room, in a
// form that its TLS library hands on, and closes the connection.
func (s *Server) sayBusy(conn net.Conn) {
	if s.farewells.Add(1) > maxFarewells {
		s.farewells.Add(-1)
		_ = conn.Close()
		return
	}
	go func() {
		defer s.farewells.Add(-1)
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(farewellTime))
		if _, err := conn.Write([]byte(session.BusyPreface)); err != nil {
			return
		}
		// What the client has sent must be read: closing before that resets the
		// connection, and the farewell is lost.
		_, _ = conn.Read(make([]byte, 512))
	}()
}
