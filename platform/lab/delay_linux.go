package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A delayer is a box on a cable that hands every frame on after a while, both
// ways. Kernels without netem have nothing like it.
type delayer struct {
	ports [2]*os.File // packet sockets on the two ends
	wg    sync.WaitGroup
}

const (
	// maxFrame holds an Ethernet frame of a 1500-byte link with a VLAN tag.
	maxFrame = 2048
	// maxInFlight bounds the frames under way in one direction; beyond it the
	// box drops, as a full queue does. 8192 frames are 160 ms at 50,000 frames
	// a second, and 16 MB.
	maxInFlight = 8192
	// receiveBuffer covers the 10 ms that a busy machine may take to run the
	// box, at 100,000 small frames a second of about 1 KB of kernel memory.
	receiveBuffer = 4 << 20
)

// startDelay connects two interfaces of node.
func startDelay(node *Node, a, b string, delay time.Duration) (*delayer, error) {
	d := &delayer{}
	for i, dev := range []string{a, b} {
		err := node.Do(func() (err error) {
			d.ports[i], err = openPacketSocket(dev)
			return err
		})
		if err != nil {
			d.stop()
			return nil, err
		}
	}
	for i := range d.ports {
		queue := make(chan frame, maxInFlight)
		d.wg.Go(func() { receive(d.ports[i], queue, delay) })
		d.wg.Go(func() { release(d.ports[1-i], queue) })
	}
	return d, nil
}

func (d *delayer) stop() {
	for _, p := range d.ports {
		if p != nil {
			_ = p.Close()
		}
	}
	d.wg.Wait()
}

// openPacketSocket opens a socket for whole frames that enter dev.
func openPacketSocket(dev string) (*os.File, error) {
	ifi, err := net.InterfaceByName(dev)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", dev, err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a packet socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), dev)
	// Root of the machine may have the buffer it asks for; others get the
	// system's limit, and only a flood meets it.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	every := binary.NativeEndian.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff}) // in network order
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: every, Ifindex: ifi.Index}),
	)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("listening on %s: %w", dev, err)
	}
	return f, nil
}

type frame struct {
	due  time.Time
	data []byte
}

// receive stamps what enters and queues it. It ends when the port is closed.
func receive(from *os.File, queue chan<- frame, delay time.Duration) {
	defer close(queue)
	buf := make([]byte, maxFrame)
	for {
		n, err := from.Read(buf)
		if errors.Is(err, unix.ENETDOWN) {
			continue // the interface came up after the socket
		}
		if err != nil {
			return
		}
		select {
		case queue <- frame{time.Now().Add(delay), append([]byte(nil), buf[:n]...)}:
		default:
		}
	}
}

// release sends each frame when it is due; the frames are in order of that.
func release(to *os.File, queue <-chan frame) {
	for f := range queue {
		if wait := time.Until(f.due); wait > 0 {
			time.Sleep(wait)
		}
		_, _ = to.Write(f.data) // lost, as on any cable that was pulled out
	}
}
