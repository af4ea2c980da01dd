package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Kafka's own client runs as a process of its own, java/ChaosClient.java, and tells line by line what it saw.

// java runs it until both contexts have ended: the first ends its producer, the second its consumer.
func (l *load) java(writing, reading context.Context, jars, source, logs string, id uint16, group int) {
	l.writers.Add(1)
	l.readers.Add(1)
	flushed := make(chan struct{})
	logging, loggingErr := javaLogging(logs)
	command := exec.Command("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", logging, "-cp", jars+"/*", source,
		l.address, l.placeList(), fmt.Sprint(id), fmt.Sprint(l.rate), fmt.Sprint(int64(l.seed>>1)), l.groups[group])
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	input, inputErr := command.StdinPipe()
	output, outputErr := command.StdoutPipe()
	if err := errors.Join(loggingErr, inputErr, outputErr, command.Start()); err != nil {
		l.fails(fmt.Errorf("java: %w", err))
		l.writers.Done()
		l.readers.Done()
		return
	}
	go func() {
		defer l.writers.Done()
		<-writing.Done()
		fmt.Fprintln(input, "stop")
		<-flushed
	}()
	go func() {
		<-reading.Done()
		input.Close()
	}()
	go func() {
		defer l.readers.Done()
		if err := l.javaLines(output, id, group, flushed); err != nil {
			l.fails(fmt.Errorf("java: %w", err))
			command.Process.Kill()
		}
		if err := command.Wait(); err != nil {
			l.fails(fmt.Errorf("java: %w", err))
		}
	}()
}

// javaLogging is the option by which the client's log goes to a file, and not between the lines it tells.
func javaLogging(directory string) (string, error) {
	path := filepath.Join(directory, "log4j2.xml")
	content := `<Configuration>
  <Appenders><File name="F" fileName="` + filepath.Join(directory, "java.log") + `"><PatternLayout pattern="[%d] %p %m (%c)%n"/></File></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="F"/></Root></Loggers>
</Configuration>
`
	return "-Dlog4j2.configurationFile=" + path, os.WriteFile(path, []byte(content), 0o644)
}

func (l *load) placeList() string {
	var places []string
	for _, p := range l.places {
		places = append(places, fmt.Sprintf("%s:%d", p.topic, p.partition))
	}
	return strings.Join(places, ",")
}

func (l *load) javaLines(output io.Reader, id uint16, group int, flushed chan struct{}) error {
	var once sync.Once
	done := func() { once.Do(func() { close(flushed) }) }
	defer done()
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), " ", 5)
		var numbers []int64
		for _, field := range fields[1:] {
			number, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				break
			}
			numbers = append(numbers, number)
		}
		switch {
		case fields[0] == "a" && len(numbers) == 3:
			l.acked(int(numbers[0]), identity{id, uint32(numbers[1])}, numbers[2])
		case fields[0] == "f" && len(numbers) >= 2:
			l.refused(int(numbers[0]), identity{id, uint32(numbers[1])}, errors.New(strings.Join(fields[3:], " ")))
		case fields[0] == "d" && len(numbers) == 4:
			l.got(group, int(numbers[0]), numbers[1], identity{uint16(numbers[2]), uint32(numbers[3])})
		case fields[0] == "c" && len(numbers) == 2:
			l.committed(group, int(numbers[0]), numbers[1])
		case fields[0] == "x" && len(numbers) == 2:
			l.gotValue(group, int(numbers[0]), numbers[1], nil)
		case fields[0] == "flushed":
			done()
		default:
			return fmt.Errorf("a line that cannot be read: %s", lines.Text())
		}
	}
	return lines.Err()
}
