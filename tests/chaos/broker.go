package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// broker is the real binary as a process of its own, on one data directory.
type broker struct {
	binary, data, address string
	log                   *os.File
	process               *exec.Cmd
	// Closed when the process has ended; err is then set.
	ended chan struct{}
	err   error
}

// start starts it without waiting until it serves.
func (b *broker) start() error {
	b.process = exec.Command(b.binary, "serve", "--data-dir", b.data, "--listen", b.address,
		"--set", "ottla.console.listen=off", "--set", "group.initial.rebalance.delay.ms=0", "--set", "offsets.topic.num.partitions=3",
		"--set", "group.min.session.timeout.ms=500", "--set", "log.flush.offset.checkpoint.interval.ms=400")
	b.process.Stdout, b.process.Stderr = b.log, b.log
	// Nothing stays behind when this programme is killed itself.
	b.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.process.Start(); err != nil {
		return err
	}
	b.ended = make(chan struct{})
	go func(process *exec.Cmd, ended chan struct{}) {
		b.err = process.Wait()
		close(ended)
	}(b.process, b.ended)
	return nil
}

// serves waits until it takes connections, and says how long that took.
func (b *broker) serves(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		if socket, err := net.Dial("tcp", b.address); err == nil {
			socket.Close()
			return time.Since(begun), nil
		}
		select {
		case <-b.ended:
			return 0, fmt.Errorf("the broker did not start: %v", b.err)
		case <-ctx.Done():
			return 0, fmt.Errorf("the broker does not take connections after %s", time.Since(begun))
		case <-ticker.C:
		}
	}
}

// alive says whether it still runs; it must not end by itself.
func (b *broker) alive() error {
	select {
	case <-b.ended:
		return fmt.Errorf("the broker ended by itself: %v", b.err)
	default:
		return nil
	}
}

func (b *broker) signal(signal syscall.Signal) { b.process.Process.Signal(signal) }

// kill ends it at once, and returns when it is gone.
func (b *broker) kill() {
	b.signal(syscall.SIGKILL)
	<-b.ended
}

// freeze stops all of its threads, wherever they are, and returns when they stand still or wait for the disk.
func (b *broker) freeze() error {
	b.signal(syscall.SIGSTOP)
	tasks := fmt.Sprintf("/proc/%d/task/*/stat", b.process.Process.Pid)
	for begun := time.Now(); time.Since(begun) < 10*time.Second; time.Sleep(time.Millisecond) {
		stats, err := filepath.Glob(tasks)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(stats, runs) {
			return nil
		}
	}
	return errors.New("the broker does not stand still 10 s after SIGSTOP")
}

// runs says whether a thread may still do something that is not waiting.
func runs(stat string) bool {
	content, err := os.ReadFile(stat)
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(content), ") ")
	return !strings.HasPrefix(state, "T") && !strings.HasPrefix(state, "D")
}

// wasKilled says of one that has ended whether it was killed, and did not end by itself.
func (b *broker) wasKilled() bool {
	status, ok := b.process.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}

// stop ends it in good order.
func (b *broker) stop() error {
	b.signal(syscall.SIGTERM)
	select {
	case <-b.ended:
		if b.err != nil {
			return fmt.Errorf("the broker did not stop cleanly: %v", b.err)
		}
		return nil
	case <-time.After(40 * time.Second):
		b.signal(syscall.SIGQUIT)
		return fmt.Errorf("the broker does not stop within 40 s of SIGTERM")
	}
}
