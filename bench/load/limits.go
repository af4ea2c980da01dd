package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// limits is what the machine does without a broker: the most that any broker could reach on it. CPU times are those of the thread
// that does what a broker would do.
func limits(o options) (map[string]any, error) {
	report := map[string]any{}
	for _, measure := range []func(options, map[string]any) error{memory, loopback, roundTrip, pageCache, syncs, sendFile} {
		if err := measure(o, report); err != nil {
			return nil, err
		}
	}
	disk, err := diskWrite(o)
	if err != nil {
		return nil, err
	}
	report["disk_mb_per_s"] = disk["mb_per_s"]
	return report, nil
}

const block = 1 << 20

// span is how long one limit is looked at.
const span = time.Second

// threadCPU is the CPU time of the calling thread, user and system.
func threadCPU() time.Duration {
	var usage syscall.Rusage
	const thisThread = 1
	syscall.Getrusage(thisThread, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// timed repeats something that moves so many bytes until the span is over; gives MB/s and the thread's CPU seconds per GB.
func timed(bytes int, do func() error) (float64, float64, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begun, cpu, moved := time.Now(), threadCPU(), 0
	for time.Since(begun) < span {
		if err := do(); err != nil {
			return 0, 0, err
		}
		moved += bytes
	}
	seconds, gb := time.Since(begun).Seconds(), float64(moved)/1e9
	return gb * 1e3 / seconds, (threadCPU() - cpu).Seconds() / gb, nil
}

func memory(_ options, report map[string]any) error {
	from, to := payload(64*block), make([]byte, 64*block)
	report["memcpy_mb_per_s"], report["memcpy_cpu_s_per_gb"], _ = timed(len(from), func() error {
		copy(to, from)
		return nil
	})
	table := crc32.MakeTable(crc32.Castagnoli)
	report["crc32c_mb_per_s"], report["crc32c_cpu_s_per_gb"], _ = timed(block, func() error {
		crc32.Update(0, table, from[:block])
		return nil
	})
	return nil
}

// pair is a connection over loopback: a client's end, and a server's, which is not paced, whatever the system's congestion control is.
func pair() (*net.TCPConn, *net.TCPConn, error) {
	unpaced := net.ListenConfig{Control: func(_, _ string, socket syscall.RawConn) error {
		var refused error
		err := socket.Control(func(fd uintptr) {
			refused = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CONGESTION, "reno")
		})
		return errors.Join(refused, err)
	}}
	listener, err := unpaced.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	one, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	other, err := listener.Accept()
	if err != nil {
		return nil, nil, err
	}
	return one.(*net.TCPConn), other.(*net.TCPConn), nil
}

func loopback(_ options, report map[string]any) error {
	sender, receiver, err := pair()
	if err != nil {
		return err
	}
	defer receiver.Close()
	go func() {
		defer sender.Close()
		bytes := payload(block)
		for {
			if _, err := sender.Write(bytes); err != nil {
				return
			}
		}
	}()
	bytes := make([]byte, block)
	report["loopback_mb_per_s"], report["receive_cpu_s_per_gb"], err = timed(block, func() error {
		_, err := io.ReadFull(receiver, bytes)
		return err
	})
	return err
}

func roundTrip(_ options, report map[string]any) error {
	here, there, err := pair()
	if err != nil {
		return err
	}
	defer here.Close()
	go io.Copy(struct{ io.Writer }{there}, struct{ io.Reader }{there})
	var took []time.Duration
	var message [64]byte
	for begun := time.Now(); time.Since(begun) < span; {
		sent := time.Now()
		if _, err := here.Write(message[:]); err != nil {
			return err
		}
		if _, err := io.ReadFull(here, message[:]); err != nil {
			return err
		}
		took = append(took, time.Since(sent))
	}
	all := percentiles(took)
	report["round_trip_p50_ms"], report["round_trip_p99_ms"] = all["p50_ms"], all["p99_ms"]
	return nil
}

// scratch is a file that is gone when it is closed.
func scratch(o options) (*os.File, error) {
	path := filepath.Join(o.dir, "limits")
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return file, os.Remove(path)
}

func pageCache(o options, report map[string]any) error {
	file, err := scratch(o)
	if err != nil {
		return err
	}
	defer file.Close()
	bytes := payload(block)
	report["page_cache_mb_per_s"], report["page_cache_cpu_s_per_gb"], err = timed(block, func() error {
		_, err := file.Write(bytes)
		return err
	})
	return err
}

// syncs is how long fdatasync takes after an append of 4 KiB.
func syncs(o options, report map[string]any) error {
	file, err := scratch(o)
	if err != nil {
		return err
	}
	defer file.Close()
	var took []time.Duration
	bytes := payload(4096)
	for begun := time.Now(); time.Since(begun) < 2*span; {
		if _, err := file.Write(bytes); err != nil {
			return err
		}
		began := time.Now()
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	all := percentiles(took)
	report["fdatasync_p50_ms"], report["fdatasync_p99_ms"] = all["p50_ms"], all["p99_ms"]
	return nil
}

// sendFile is a file in the page cache that is sent over loopback without a copy in user space.
func sendFile(o options, report map[string]any) error {
	file, err := scratch(o)
	if err != nil {
		return err
	}
	defer file.Close()
	bytes := payload(block)
	for range 256 {
		if _, err := file.Write(bytes); err != nil {
			return err
		}
	}
	receiver, sender, err := pair()
	if err != nil {
		return err
	}
	defer sender.Close()
	go func() {
		bytes := make([]byte, block)
		for {
			if _, err := receiver.Read(bytes); err != nil {
				return
			}
		}
	}()
	raw, err := sender.SyscallConn()
	if err != nil {
		return err
	}
	report["sendfile_mb_per_s"], report["sendfile_cpu_s_per_gb"], err = timed(block, func() error {
		return sendBlock(raw, file)
	})
	return err
}

// sendBlock sends the file's next block, and begins again at its end.
func sendBlock(to syscall.RawConn, file *os.File) error {
	left := block
	var failure error
	err := to.Write(func(fd uintptr) bool {
		for left > 0 {
			sent, err := syscall.Sendfile(int(fd), int(file.Fd()), nil, left)
			if err == syscall.EAGAIN {
				return false
			}
			if err != nil {
				failure = err
				return true
			}
			if sent == 0 {
				if _, failure = file.Seek(0, io.SeekStart); failure != nil {
					return true
				}
			}
			left -= sent
		}
		return true
	})
	if err != nil {
		return err
	}
	if failure != nil {
		return fmt.Errorf("sendfile: %w", failure)
	}
	return nil
}

// percentiles of what was measured, in ms.
func percentiles(all []time.Duration) map[string]any {
	slices.Sort(all)
	at := func(share float64) float64 {
		return float64(all[int(share*float64(len(all)-1))].Microseconds()) / 1000
	}
	return map[string]any{"requests": len(all), "p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999)}
}
