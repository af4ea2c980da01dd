package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// drain fetches all partitions from their beginning, reads where batches begin and end, and has the kernel throw the records away:
// a consumer on another machine would take nothing from these cores, so this one takes as little as it can, and what is seen is the
// broker. It ends after so many records, or with the time where none are asked for.
func drain(o options) (map[string]any, error) {
	reader, err := newSkipper(o.broker)
	if err != nil {
		return nil, err
	}
	defer reader.socket.Close()
	d := draining{skipper: reader, topic: o.topic, offsets: make([]int64, o.partitions)}
	begun := time.Now()
	end := begun.Add(time.Duration(o.seconds) * time.Second)
	for d.records < o.records || (o.records == 0 && time.Now().Before(end)) {
		if err := d.fetch(); err != nil {
			return nil, err
		}
	}
	seconds := time.Since(begun).Seconds()
	return map[string]any{
		"records": d.records, "gb": float64(d.bytes) / 1e9, "seconds": seconds, "mb_per_s": float64(d.bytes) / 1e6 / seconds,
	}, nil
}

// draining is where a consumer stands.
type draining struct {
	*skipper
	topic          string
	offsets        []int64
	id             int32
	records, bytes int64
}

// fetch is one request, and its answer as it comes: of Fetch version 11, without aborted transactions, since none are asked for.
func (d *draining) fetch() error {
	d.id++
	d.socket.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := d.socket.Write(frame(fetchRequest(d.topic, d.offsets), d.id)); err != nil {
		return err
	}
	// Size, correlation id, throttle time, error, session, topics, name, partitions.
	begin, err := d.read(4 + 4 + 4 + 2 + 4 + 4 + 2 + len(d.topic) + 4)
	if err != nil {
		return err
	}
	if code := int16(binary.BigEndian.Uint16(begin[12:])); code != 0 {
		return fmt.Errorf("fetch failed: error %d", code)
	}
	for range int(binary.BigEndian.Uint32(begin[len(begin)-4:])) {
		if err := d.partition(); err != nil {
			return err
		}
	}
	return nil
}

func (d *draining) partition() error {
	// Index, error, high watermark, last stable offset, log start offset, aborted transactions, preferred replica, size of the records.
	begin, err := d.read(4 + 2 + 8 + 8 + 8 + 4 + 4 + 4)
	if err != nil {
		return err
	}
	index, code := binary.BigEndian.Uint32(begin), int16(binary.BigEndian.Uint16(begin[4:]))
	size := max(0, int(int32(binary.BigEndian.Uint32(begin[38:]))))
	switch code {
	case 0:
	case 3, 5, 6:
		// The topic is so new that its partition has no leader yet.
	default:
		return fmt.Errorf("fetch failed: error %d", code)
	}
	d.bytes += int64(size)
	for size >= 61 {
		header, err := d.read(61)
		if err != nil {
			return err
		}
		batch := 12 + int(int32(binary.BigEndian.Uint32(header[8:])))
		if batch < 61 {
			return fmt.Errorf("a batch of %d bytes", batch)
		}
		if batch > size {
			return d.skip(size - 61)
		}
		next := int64(binary.BigEndian.Uint64(header)) + int64(int32(binary.BigEndian.Uint32(header[23:]))) + 1
		d.records += max(0, next-d.offsets[index])
		d.offsets[index] = max(d.offsets[index], next)
		if err := d.skip(batch - 61); err != nil {
			return err
		}
		size -= batch
	}
	return d.skip(size)
}

// skipper reads a little of what a socket brings and throws the rest away inside the kernel.
type skipper struct {
	socket net.Conn
	raw    syscall.RawConn
	buffer *bufio.Reader
	// Nothing is written there: its length says how much goes.
	nowhere []byte
}

func newSkipper(broker string) (*skipper, error) {
	socket, err := net.DialTimeout("tcp", broker, 10*time.Second)
	if err != nil {
		return nil, err
	}
	raw, err := socket.(*net.TCPConn).SyscallConn()
	if err != nil {
		socket.Close()
		return nil, err
	}
	return &skipper{socket: socket, raw: raw, buffer: bufio.NewReaderSize(socket, 512), nowhere: make([]byte, 1<<20)}, nil
}

// read is what comes next, until something is read again.
func (s *skipper) read(count int) ([]byte, error) {
	bytes, err := s.buffer.Peek(count)
	if err != nil {
		return nil, err
	}
	_, err = s.buffer.Discard(count)
	return bytes, err
}

func (s *skipper) skip(count int) error {
	held, err := s.buffer.Discard(min(count, s.buffer.Buffered()))
	if err != nil {
		return err
	}
	count -= held
	var failure error
	err = s.raw.Read(func(socket uintptr) bool {
		for count > 0 && failure == nil {
			gone, _, err := syscall.Recvfrom(int(socket), s.nowhere[:min(count, len(s.nowhere))], syscall.MSG_TRUNC)
			switch {
			case err == syscall.EAGAIN:
				return false
			case err == nil && gone == 0:
				failure = io.ErrUnexpectedEOF
			case err != nil && err != syscall.EINTR:
				failure = err
			}
			// A call that fails says -1.
			count -= max(0, gone)
		}
		return true
	})
	return errors.Join(failure, err)
}
