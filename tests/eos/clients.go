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
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Transactions step by step, the same with every client library, and several of them with one transactional id.

// transactor is a client library with producers of these names. Its commands:
//
//	init NAME ID TIMEOUT_MS       opens a producer and makes it the owner of the id
//	begin NAME
//	send NAME TOPIC PARTITION VALUE
//	offset NAME GROUP TOPIC PARTITION OFFSET
//	commit NAME, abort NAME, close NAME
type transactor interface {
	do(command string, words ...string) error
	// end ends it.
	end()
}

// errFenced is what a producer gets whose id another one has taken.
var errFenced = errors.New("fenced")

const transactorPartitions = 3

func (p *part) transactors(ctx context.Context) (string, error) {
	script := filepath.Join(filepath.Dir(p.source), "transactor.py")
	java := filepath.Join(p.source, "Transactor.java")
	oldest, err := p.newPiped("java-oldest", p.javaCommand(p.oldestTools+"/*", java, p.broker.Address())...)
	if err != nil {
		return "", err
	}
	newest, err := p.newPiped("java-newest", p.javaCommand(p.newestClient+"/*", java, p.broker.Address())...)
	if err != nil {
		return "", err
	}
	python, err := p.newPiped("python", p.python, script, p.broker.Address())
	if err != nil {
		return "", err
	}
	libraries := []*library{
		{name: "java-oldest", transactor: oldest},
		{name: "java-newest", transactor: newest},
		{name: "librdkafka", transactor: newRdkafka(p.broker.Address())},
		{name: "python", transactor: python},
	}
	defer func() {
		for _, one := range libraries {
			one.end()
		}
	}()
	for _, one := range libraries {
		if err := p.alone(ctx, one); err != nil {
			return "", fmt.Errorf("%s: %w", one.name, err)
		}
	}
	pairs := [][2]int{{0, 1}, {1, 0}, {0, 2}, {2, 0}, {1, 2}}
	for _, pair := range pairs {
		if err := p.together(ctx, libraries[pair[0]], libraries[pair[1]]); err != nil {
			return "", fmt.Errorf("%s and %s: %w", libraries[pair[0]].name, libraries[pair[1]].name, err)
		}
	}
	return fmt.Sprintf("%d client libraries alone, %d pairs with one id: what was committed is there and nothing else, who was fenced is told",
		len(libraries), len(pairs)), nil
}

// library is a transactor with a name.
type library struct {
	name string
	transactor
}

// story is what happens in one topic, and what has to be there then.
type story struct {
	*part
	topic, id string
	committed [transactorPartitions][]string
	all       [transactorPartitions][]string
	next      int
}

func (p *part) newStory(ctx context.Context, name string) (*story, error) {
	if err := p.createTopic(ctx, name, transactorPartitions); err != nil {
		return nil, err
	}
	return &story{part: p, topic: name, id: name + "-id"}, nil
}

func (s *story) opens(by *library, name string, timeout time.Duration) error {
	return by.do("init", name, s.id, fmt.Sprint(timeout.Milliseconds()))
}

// begins a transaction with records in every partition, and says which those are.
func (s *story) begins(by *library, name string) (sent [transactorPartitions][]string, err error) {
	if err := by.do("begin", name); err != nil {
		return sent, err
	}
	for number := range transactorPartitions * 4 {
		partition := number % transactorPartitions
		value := fmt.Sprintf("%s-%d", name, s.next)
		s.next++
		if err := by.do("send", name, s.topic, fmt.Sprint(partition), value); err != nil {
			return sent, err
		}
		sent[partition] = append(sent[partition], value)
		s.all[partition] = append(s.all[partition], value)
	}
	return sent, nil
}

// commits what was sent.
func (s *story) commits(by *library, name string, sent [transactorPartitions][]string) error {
	if err := by.do("commit", name); err != nil {
		return err
	}
	for partition, values := range sent {
		s.committed[partition] = append(s.committed[partition], values...)
	}
	return nil
}

// transaction is a whole one.
func (s *story) transaction(by *library, name string) error {
	sent, err := s.begins(by, name)
	if err != nil {
		return err
	}
	return s.commits(by, name, sent)
}

// isFenced expects that a commit is refused since somebody else has the id.
func (s *story) isFenced(by *library, name string) error {
	if err := by.do("commit", name); !errors.Is(err, errFenced) {
		return fmt.Errorf("the commit of %s, which is fenced, gives: %v", name, err)
	}
	return by.do("close", name)
}

// ends compares what readers see.
func (s *story) ends(ctx context.Context) error {
	for isolation, wanted := range map[string][transactorPartitions][]string{"read_committed": s.committed, "read_uncommitted": s.all} {
		read, err := s.readAll(ctx, s.topic, transactorPartitions, isolation)
		if err != nil {
			return err
		}
		entries := make([][]entry, transactorPartitions)
		for partition, values := range wanted {
			for _, value := range values {
				entries[partition] = append(entries[partition], entry{value: value})
			}
		}
		if err := same(read, entries); err != nil {
			return fmt.Errorf("%s: %w", isolation, err)
		}
	}
	return nil
}

// alone is what a library goes through by itself.
func (p *part) alone(ctx context.Context, by *library) error {
	s, err := p.newStory(ctx, by.name)
	if err != nil {
		return err
	}
	steps := []struct {
		name string
		step func(context.Context, *library) error
	}{
		{"commits and aborts with offsets", s.commitsAndAborts},
		{"fenced by a second instance", s.fencedBySecond},
		{"aborted since it takes too long", s.timesOut},
		{"what is read", func(ctx context.Context, _ *library) error { return s.ends(ctx) }},
	}
	for _, step := range steps {
		if err := step.step(ctx, by); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func (s *story) commitsAndAborts(ctx context.Context, by *library) error {
	group := s.topic + "-group"
	if err := s.opens(by, "first", time.Minute); err != nil {
		return err
	}
	for _, offset := range []string{"42", "43"} {
		sent, err := s.begins(by, "first")
		if err == nil {
			err = by.do("offset", "first", group, s.topic, "0", offset)
		}
		if err == nil {
			err = s.commits(by, "first", sent)
		}
		if err == nil {
			_, err = s.begins(by, "first")
		}
		if err == nil {
			err = by.do("offset", "first", group, s.topic, "0", "99")
		}
		if err == nil {
			err = by.do("abort", "first")
		}
		if err == nil {
			err = s.hasCommitted(ctx, group, offset)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hasCommitted holds the offset of a group against what it should be.
func (s *story) hasCommitted(ctx context.Context, group, wanted string) error {
	client, err := s.newAdmin()
	if err != nil {
		return err
	}
	defer client.Close()
	offsets, err := kadm.NewClient(client).FetchOffsets(ctx, group)
	if err != nil {
		return err
	}
	found, _ := offsets.Lookup(s.topic, 0)
	if fmt.Sprint(found.At) != wanted {
		return fmt.Errorf("the group's offset is %d, not %s", found.At, wanted)
	}
	return nil
}

// fencedBySecond goes on with the producer called first.
func (s *story) fencedBySecond(_ context.Context, by *library) error {
	if _, err := s.begins(by, "first"); err != nil {
		return err
	}
	if err := s.opens(by, "second", time.Minute); err != nil {
		return err
	}
	if err := s.transaction(by, "second"); err != nil {
		return err
	}
	if err := s.isFenced(by, "first"); err != nil {
		return err
	}
	if err := s.transaction(by, "second"); err != nil {
		return err
	}
	return by.do("close", "second")
}

func (s *story) timesOut(ctx context.Context, by *library) error {
	if err := s.opens(by, "slow", 1500*time.Millisecond); err != nil {
		return err
	}
	if _, err := s.begins(by, "slow"); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if _, err := s.stableEnds(limited, s.topic, transactorPartitions); err != nil {
		return err
	}
	// How it is refused depends on the protocol: what the newest client is told is INVALID_TXN_STATE, of Kafka too.
	if err := by.do("commit", "slow"); err == nil {
		return errors.New("a transaction is committed that was aborted")
	}
	if err := by.do("close", "slow"); err != nil {
		return err
	}
	if err := s.opens(by, "third", time.Minute); err != nil {
		return err
	}
	if err := s.transaction(by, "third"); err != nil {
		return err
	}
	return by.do("close", "third")
}

// together lets two libraries take an id from each other.
func (p *part) together(ctx context.Context, one, other *library) error {
	s, err := p.newStory(ctx, one.name+"-"+other.name)
	if err != nil {
		return err
	}
	if err := s.opens(one, "first", time.Minute); err != nil {
		return err
	}
	if err := s.transaction(one, "first"); err != nil {
		return err
	}
	owner, owning := "first", one
	for turn, next := range []*library{other, one, other, other, one} {
		// The one before has a transaction open.
		if _, err := s.begins(owning, owner); err != nil {
			return err
		}
		name := fmt.Sprintf("next-%d", turn)
		if err := s.opens(next, name, time.Minute); err != nil {
			return err
		}
		if err := s.transaction(next, name); err != nil {
			return err
		}
		if err := s.isFenced(owning, owner); err != nil {
			return err
		}
		owner, owning = name, next
	}
	if err := owning.do("close", owner); err != nil {
		return err
	}
	return s.ends(ctx)
}

// piped is a transactor in a process of its own, which gets commands and gives answers line by line.
type piped struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
}

func (p *part) newPiped(name string, command ...string) (*piped, error) {
	log, err := os.Create(filepath.Join(p.directory, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	running := exec.Command(command[0], command[1:]...)
	running.Stderr = log
	running.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	input, inputErr := running.StdinPipe()
	output, outputErr := running.StdoutPipe()
	if err := errors.Join(inputErr, outputErr, running.Start()); err != nil {
		return nil, err
	}
	return &piped{command: running, input: input, output: bufio.NewReader(output)}, nil
}

func (p *piped) do(command string, words ...string) error {
	if _, err := fmt.Fprintln(p.input, command, strings.Join(words, " ")); err != nil {
		return err
	}
	answer, err := p.output.ReadString('\n')
	if err != nil {
		return fmt.Errorf("%s: the client ended: %w", command, err)
	}
	kind, text, _ := strings.Cut(strings.TrimSpace(answer), " ")
	switch kind {
	case "ok":
		return nil
	case "fenced":
		return fmt.Errorf("%s: %w: %s", command, errFenced, text)
	default:
		return fmt.Errorf("%s: %s", command, text)
	}
}

func (p *piped) end() {
	p.input.Close()
	p.command.Process.Kill()
	p.command.Wait()
}
