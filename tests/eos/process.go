package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a client that runs by itself.
type process struct {
	// One after the other, from start to start.
	commands [][]string
	starts   int
	log      string
	running  *exec.Cmd
	ended    chan struct{}
	err      error
	kills    int
}

// javaCommand runs a class, or a file, with the options that make it start fast.
func (p *part) javaCommand(classpath string, arguments ...string) []string {
	return append([]string{"java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classpath}, arguments...)
}

// client is a process that ends with the part.
func (p *part) client(name string, commands ...[]string) *process {
	one := &process{commands: commands, log: filepath.Join(p.directory, name+".log")}
	p.clients = append(p.clients, one)
	return one
}

// start starts it, for the first time or again.
func (p *process) start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := p.commands[p.starts%len(p.commands)]
	p.starts++
	running := exec.Command(command[0], command[1:]...)
	running.Stdout, running.Stderr = log, log
	running.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := running.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.running, p.ended = running, ended
	go func() {
		p.err = running.Wait()
		close(ended)
	}()
	return nil
}

func (p *process) isAlive() bool {
	if p.running == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill ends it at once.
func (p *process) kill() {
	if p.running != nil {
		p.running.Process.Kill()
		<-p.ended
	}
}

// stop asks it to end, and waits until it has.
func (p *process) stop(limit time.Duration) error {
	p.running.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(limit):
		return fmt.Errorf("a client does not end within %s; see %s", limit, p.log)
	}
}

// failed says whether it ended with an error of its own.
func (p *process) failed() error {
	if p.running == nil || p.isAlive() || p.err == nil {
		return nil
	}
	return fmt.Errorf("a client ended: %v; see %s", p.err, p.log)
}

// restart kills it and starts it again. One that has done its work is left alone.
func (p *process) restart() error {
	if err := p.failed(); err != nil || !p.isAlive() {
		return err
	}
	p.kill()
	p.kills++
	return p.start()
}
