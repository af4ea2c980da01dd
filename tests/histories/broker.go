package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Settings that both brokers get: what is waited for is short, so that a run of minutes sees it often.
var settings = []string{
	"group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=3", "transaction.state.log.num.partitions=3",
	"transaction.abort.timed.out.transaction.cleanup.interval.ms=1000", "group.min.session.timeout.ms=1000",
	"log.flush.offset.checkpoint.interval.ms=1000",
}

// broker is Ottla or Apache Kafka as a process, on one data directory.
type broker struct {
	// Where binary is empty, script starts Kafka.
	binary, script string
	directory      string
	port           int
	log            *os.File
	pid            int
	// Closed when the process is gone; nil for one that is no child.
	ended chan struct{}
}

func (b *broker) address() string { return fmt.Sprintf("127.0.0.1:%d", b.port) }

// start starts it and waits until it takes connections.
func (b *broker) start(ctx context.Context) error {
	start := b.startOttla
	if b.binary == "" {
		start = b.startKafka
	}
	if err := start(); err != nil {
		return err
	}
	for begun := time.Now(); time.Since(begun) < 90*time.Second; time.Sleep(10 * time.Millisecond) {
		if socket, err := net.Dial("tcp", b.address()); err == nil {
			socket.Close()
			return nil
		}
		if !b.alive() {
			return fmt.Errorf("the broker did not start; see %s", b.directory)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("the broker takes no connections after 90 s; see %s", b.directory)
}

func (b *broker) startOttla() error {
	arguments := []string{"serve", "--data-dir", filepath.Join(b.directory, "data"), "--listen", b.address(), "--set", "ottla.console.listen=off"}
	for _, setting := range settings {
		arguments = append(arguments, "--set", setting)
	}
	command := exec.Command(b.binary, arguments...)
	command.Stdout, command.Stderr = b.log, b.log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return err
	}
	b.pid = command.Process.Pid
	ended := make(chan struct{})
	b.ended = ended
	go func() {
		command.Wait()
		close(ended)
	}()
	return nil
}

func (b *broker) startKafka() error {
	command := exec.Command(b.script, append([]string{strconv.Itoa(b.port), filepath.Join(b.directory, "kafka")}, settings...)...)
	command.Env = append(os.Environ(), "KAFKA_START_WAIT=no")
	command.Stderr = b.log
	output, err := command.Output()
	if err != nil {
		return err
	}
	b.pid, err = strconv.Atoi(strings.TrimSpace(string(output)))
	return err
}

// alive says whether the process is there. Its first thread may be a zombie while another one still waits for the
// disk and holds the files, so a child is gone only when it was waited for.
func (b *broker) alive() bool {
	if b.ended != nil {
		select {
		case <-b.ended:
			return false
		default:
			return true
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

func (b *broker) signal(signal syscall.Signal) { syscall.Kill(b.pid, signal) }

// end ends it and waits until it is gone.
func (b *broker) end(signal syscall.Signal) error {
	b.signal(signal)
	for begun := time.Now(); b.alive(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 60*time.Second {
			return fmt.Errorf("the broker does not end within 60 s of %s", signal)
		}
	}
	return nil
}
