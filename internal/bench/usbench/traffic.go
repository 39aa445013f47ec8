package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"
)

// maxRSS returns the peak resident memory of a process in MB (Linux counts in kB).
func maxRSS(p *os.ProcessState) float64 {
	return float64(p.SysUsage().(*syscall.Rusage).Maxrss) / 1024
}

// socket opens a packet socket on a cable's far end.
func (n *node) socket(cable string) (fd int, err error) {
	err = n.ns.Do(func() error {
		ifi, err := net.InterfaceByName(far(cable))
		if err != nil {
			return err
		}
		all := int(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)))
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all); err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: ifi.Index}); err != nil {
			unix.Close(fd)
			return err
		}
		return nil
	})
	return fd, err
}

// syn returns a TCP SYN with correct checksums.
func syn(src, dst netip.Addr, sport uint16) ([]byte, error) {
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(sport), DstPort: 80, Seq: 1, SYN: true, Window: 1000}
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, tcp)
	return buf.Bytes(), err
}

// fill makes about each connections in each of the two zones, and returns their total number. It
// sends lost frames again.
func (n *node) fill(ctx context.Context, each int) (int, error) {
	fd, err := n.socket("fill")
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	dst := netip.MustParseAddr("10.8.0.1")
	have := 0
	for pass := 0; pass < 20 && have < 2*each*99/100; pass++ {
		for i := 0; i < each; i++ {
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
			src := netip.AddrFrom4([4]byte{10, 1, byte(i >> 16), byte(i >> 8)})
			frame, err := syn(src, dst, uint16(1024+i&0xff))
			if err != nil {
				return 0, err
			}
			if _, err := unix.Write(fd, frame); err != nil && err != unix.ENOBUFS {
				return 0, fmt.Errorf("send: %w", err)
			}
			if i%64 == 63 { // the bridge reads a cable in batches of 32
				time.Sleep(200 * time.Microsecond)
			}
		}
		time.Sleep(200 * time.Millisecond)
		if have, err = n.connections(ctx); err != nil {
			return 0, err
		}
	}
	if have < 2*each*99/100 {
		return 0, fmt.Errorf("only %d of %d connections could be made", have, 2*each)
	}
	return have, nil
}

// longestStop sends a frame every millisecond while do runs, and returns the longest time without a
// forwarded frame.
func (n *node) longestStop(do func() error) (time.Duration, error) {
	in, err := n.socket("plain")
	if err != nil {
		return 0, err
	}
	defer unix.Close(in)
	out, err := n.socket("sink")
	if err != nil {
		return 0, err
	}
	defer unix.Close(out)
	if err := unix.SetsockoptTimeval(out, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 20_000}); err != nil {
		return 0, err
	}
	frame, err := syn(netip.MustParseAddr("10.2.0.1"), netip.MustParseAddr("10.2.0.2"), 1)
	if err != nil {
		return 0, err
	}
	done, sent := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				sent <- nil
				return
			case <-tick.C:
				if _, err := unix.Write(in, frame); err != nil {
					sent <- err
					return
				}
			}
		}
	}()
	gap := make(chan time.Duration, 1)
	go func() {
		var longest time.Duration
		var last time.Time
		buf := make([]byte, 2048)
		for {
			select {
			case <-done:
				gap <- longest
				return
			default:
			}
			if _, err := unix.Read(out, buf); err != nil {
				continue // no frame within 20 ms
			}
			now := time.Now()
			if !last.IsZero() {
				longest = max(longest, now.Sub(last))
			}
			last = now
		}
	}()
	time.Sleep(300 * time.Millisecond) // the first frame installs the flow
	err = do()
	time.Sleep(300 * time.Millisecond)
	close(done)
	longest := <-gap
	if e := <-sent; err == nil {
		err = e
	}
	return longest, err
}
