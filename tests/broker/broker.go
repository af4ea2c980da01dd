// Package broker runs Ottla or Apache Kafka as a process for tests that kill it.
package broker

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

// Broker is Ottla or Apache Kafka as a process, on one data directory.
type Broker struct {
	// Binary is Ottla's. Where it is empty, Script starts Kafka: tests/kafka/start.
	Binary, Script string
	// Directory is where data and logs go.
	Directory string
	Port      int
	// Settings are KEY=VALUE.
	Settings []string
	// Log gets what it says.
	Log *os.File
	// Pid is 0 before the first start.
	Pid int
	// Closed when the process is gone; nil for one that is no child.
	ended chan struct{}
}

// Address is where it listens.
func (b *Broker) Address() string { return fmt.Sprintf("127.0.0.1:%d", b.Port) }

// Start starts it and waits until it takes connections.
func (b *Broker) Start(ctx context.Context) error {
	start := b.startOttla
	if b.Binary == "" {
		start = b.startKafka
	}
	if err := start(); err != nil {
		return err
	}
	for begun := time.Now(); time.Since(begun) < 90*time.Second; time.Sleep(10 * time.Millisecond) {
		if b.takesConnections() {
			return nil
		}
		if !b.Alive() {
			return fmt.Errorf("the broker did not start; see %s", b.Directory)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("the broker takes no connections after 90 s; see %s", b.Directory)
}

func (b *Broker) takesConnections() bool {
	socket, err := net.Dial("tcp", b.Address())
	if err != nil {
		return false
	}
	socket.Close()
	return true
}

func (b *Broker) startOttla() error {
	arguments := []string{"serve", "--data-dir", filepath.Join(b.Directory, "data"), "--listen", b.Address(), "--set", "ottla.console.listen=off"}
	for _, setting := range b.Settings {
		arguments = append(arguments, "--set", setting)
	}
	command := exec.Command(b.Binary, arguments...)
	command.Stdout, command.Stderr = b.Log, b.Log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return err
	}
	b.Pid = command.Process.Pid
	ended := make(chan struct{})
	b.ended = ended
	go func() {
		command.Wait()
		close(ended)
	}()
	return nil
}

func (b *Broker) startKafka() error {
	command := exec.Command(b.Script, append([]string{strconv.Itoa(b.Port), filepath.Join(b.Directory, "kafka")}, b.Settings...)...)
	command.Env = append(os.Environ(), "KAFKA_START_WAIT=no")
	command.Stderr = b.Log
	output, err := command.Output()
	if err != nil {
		return err
	}
	b.Pid, err = strconv.Atoi(strings.TrimSpace(string(output)))
	return err
}

// Alive says whether the process is there. Its first thread may be a zombie while another one still waits for the
// disk and holds the files, so a child is gone only when it was waited for, and another one when nothing listens any more.
func (b *Broker) Alive() bool {
	if b.ended != nil {
		select {
		case <-b.ended:
			return false
		default:
			return true
		}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.Pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X") || b.takesConnections()
}

// Signal sends it a signal.
func (b *Broker) Signal(signal syscall.Signal) { syscall.Kill(b.Pid, signal) }

// End ends it and waits until it is gone.
func (b *Broker) End(signal syscall.Signal) error {
	b.Signal(signal)
	for begun := time.Now(); b.Alive(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 60*time.Second {
			return fmt.Errorf("the broker does not end within 60 s of %s", signal)
		}
	}
	return nil
}
