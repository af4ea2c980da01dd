package main

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Histories are lines of JSON; crates/check/src/parse.rs says what is in them.

// fields is a part of a line.
type fields map[string]any

// recorder writes the history of one operating system process. Each line is one write: what was told stays told when the
// process is killed.
type recorder struct {
	mu   sync.Mutex
	file *os.File
	next int
}

func newRecorder(path string) (*recorder, error) {
	file, err := os.Create(path)
	return &recorder{file: file}, err
}

// now is the clock that all processes of the machine share.
func now() int64 {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &at); err != nil {
		panic(err)
	}
	return at.Nano()
}

func (r *recorder) write(line fields) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	line["i"] = r.next
	line["t_ns"] = now()
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	if _, err := r.file.Write(append(text, '\n')); err != nil {
		panic(err)
	}
}

// process is what the checker takes for one: it does one thing at a time.
type process struct {
	*recorder
	number int
	// What it is at.
	f    string
	more fields
}

func (r *recorder) process(number int) *process { return &process{recorder: r, number: number} }

// begins says what is going to be done.
func (p *process) begins(f string, steps []any, more fields) {
	p.f, p.more = f, more
	p.says("invoke", steps, nil)
}

// ends says what came of it; steps replace those of before, if there are any.
func (p *process) ends(outcome string, steps []any, err error) { p.says(outcome, steps, err) }

func (p *process) says(kind string, steps []any, err error) {
	line := fields{"proc": p.number, "type": kind, "f": p.f}
	for name, value := range p.more {
		line[name] = value
	}
	if len(steps) > 0 {
		line["v"] = steps
	}
	if err != nil {
		line["err"] = err.Error()
	}
	p.write(line)
}

// once is something that is done at once.
func (p *process) once(f string, steps []any, more fields) {
	p.begins(f, nil, more)
	p.ends("ok", steps, nil)
}

// tells is something without an end: fault, heal and crash.
func (p *process) tells(f, what string) {
	p.write(fields{"proc": p.number, "type": "info", "f": f, "what": what})
}

// send is a record that is to be written.
type send struct {
	topic     string
	partition int32
	value     int64
	// -1 where it is not known.
	offset int64
	// The value that this is a copy of; 0 where it is none.
	from int64
}

func (s *send) step() any {
	more := fields{}
	if s.from > 0 {
		more["from"] = s.from
	}
	var offset any
	if s.offset >= 0 {
		offset = s.offset
	}
	return []any{"send", name(s.topic, s.partition), []any{offset, s.value}, more}
}

func sendSteps(sends []*send) []any {
	var steps []any
	for _, s := range sends {
		steps = append(steps, s.step())
	}
	return steps
}

// polled are records by their partition: offset and value.
type polled map[string][][2]any

func (p polled) add(topic string, partition int32, offset int64, content []byte) int64 {
	value, whole := parse(content)
	record := [2]any{offset, nil}
	if whole {
		record[1] = value
	}
	key := name(topic, partition)
	p[key] = append(p[key], record)
	return value
}

func name(topic string, partition int32) string { return fmt.Sprintf("%s-%d", topic, partition) }

// content is a value with a sum over it and with something behind that makes it longer.
func content(value int64, padding string) []byte {
	text := fmt.Sprintf("%d %s", value, padding)
	return fmt.Appendf(nil, "%08x %s", crc32.ChecksumIEEE([]byte(text)), text)
}

func parse(content []byte) (int64, bool) {
	sum, text, _ := strings.Cut(string(content), " ")
	digits, _, _ := strings.Cut(text, " ")
	value, err := strconv.ParseInt(digits, 10, 64)
	return value, err == nil && sum == fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text)))
}
