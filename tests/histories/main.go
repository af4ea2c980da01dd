// Real clients do random things to a broker that is killed and paused under them, and are killed and paused themselves. Each writes
// down what it asks for and what comes of it; the checker (crates/check) judges what they wrote.
//
//	histories -broker BINARY|kafka -scratch DIR -checker FILE [-duration D] [-seed S] -jars DIR -java DIR
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"ottla-broker"
)

// Settings that both brokers get: what is waited for is short, so that a run of minutes sees it often.
var settings = []string{
	"group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=3", "transaction.state.log.num.partitions=3",
	"transaction.abort.timed.out.transaction.cleanup.interval.ms=1000", "group.min.session.timeout.ms=1000",
	"log.flush.offset.checkpoint.interval.ms=1000",
}

const (
	// How long after the faults nothing may happen.
	progressLimit = 30 * time.Second
	// How long a transaction may stay open after the faults.
	stableLimit = 40 * time.Second
)

type options struct {
	broker, script, scratch, checker, jars, java string
	port                                         int
	duration                                     time.Duration
	seed                                         uint64
	calm, mixed, gentle                          bool
}

func main() {
	var o options
	flag.StringVar(&o.broker, "broker", "", "the binary of Ottla, or kafka")
	flag.StringVar(&o.script, "kafka", "", "tests/kafka/start")
	flag.StringVar(&o.scratch, "scratch", "", "an empty directory")
	flag.StringVar(&o.checker, "checker", "", "the binary of the checker")
	flag.StringVar(&o.jars, "jars", "", "the directory of Kafka's jars")
	flag.StringVar(&o.java, "java", "", "the directory of the compiled java/HistoryClient.java")
	flag.IntVar(&o.port, "port", 29392, "where the broker listens")
	flag.DurationVar(&o.duration, "duration", 3*time.Minute, "how long everything goes on, without the end")
	flag.Uint64Var(&o.seed, "seed", 0, "of what clients do and of the faults; 0: a new one")
	flag.BoolVar(&o.calm, "calm", false, "no faults")
	flag.BoolVar(&o.gentle, "gentle", false, "the broker is paused, but does not end")
	flag.BoolVar(&o.mixed, "mixed", false, "let libraries fight for one transactional id")
	// As one of the clients.
	roles := flag.String("roles", "", "be a client with these roles")
	number := flag.Int("number", 0, "the client's number")
	path := flag.String("history", "", "the client's history")
	address := flag.String("address", "", "the broker that the client talks to")
	flag.Parse()
	if *roles != "" {
		if err := runClient(*address, *path, *roles, *number, o.seed); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	fmt.Printf("seed %d\n", o.seed)
	d := &driver{options: o, random: rand.New(rand.NewPCG(o.seed, 0)), kinds: map[string]int{}}
	err := d.all()
	fmt.Printf("faults: %v\n", d.kinds)
	if err != nil {
		fmt.Printf("FAILED: %v\n", err)
		fmt.Println("histories: 0 passed, 1 failed")
		os.Exit(1)
	}
	fmt.Println("histories: 1 passed, 0 failed")
}

// player is a client process, and what it is started with.
type player struct {
	kind, roles string
	number      int
	process     *exec.Cmd
	ended       chan struct{}
}

type driver struct {
	options
	broker  *broker.Broker
	random  *rand.Rand
	history *recorder
	players []*player
	started int
	kinds   map[string]int
}

func (d *driver) all() (err error) {
	log, err := os.OpenFile(filepath.Join(d.scratch, "broker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	d.broker = &broker.Broker{
		Binary: d.options.broker, Script: d.script, Directory: d.scratch, Port: d.port, Settings: settings, Log: log,
	}
	if d.options.broker == "kafka" {
		d.broker.Binary = ""
	}
	if d.history, err = newRecorder(filepath.Join(d.scratch, "driver.jsonl")); err != nil {
		return err
	}
	ctx := context.Background()
	defer d.stopAll()
	if err := d.broker.Start(ctx); err != nil {
		return err
	}
	if err := d.createTopics(ctx); err != nil {
		return err
	}
	d.history.write(fields{"type": "settings", "settings": fields{
		"copies":               []fields{{"input": "in", "output": "out", "group": "copier"}},
		"transaction_limit_ms": stableLimit.Milliseconds(), "progress_limit_ms": progressLimit.Milliseconds(),
	}})
	if err := d.load(ctx); err != nil {
		return err
	}
	last := d.history.process(3)
	if err := d.settle(ctx, last); err != nil {
		return err
	}
	if err := d.readAll(ctx, last); err != nil {
		// What was written so far may say why.
		return errors.Join(err, d.judge())
	}
	return d.judge()
}

// load lets the clients play while things break, then without that, and ends them.
func (d *driver) load(ctx context.Context) error {
	d.players = []*player{
		{kind: "librdkafka", roles: "transactor:b,hijacker:c,copier:copy-b,producer,consumer:read_uncommitted,member"},
		{kind: "librdkafka", roles: "transactor:c,hijacker:b,consumer:read_committed"},
		{kind: "java", roles: "transactor:a,hijacker:a,copier:copy-a,producer,consumer:read_committed,member"},
	}
	if d.mixed {
		// With ids that several libraries share, Kafka itself lets fenced instances back in: what ends a transaction in the way of
		// older clients looks to it like what newer ones did one epoch ago.
		d.players[1].roles += ",hijacker:a"
		d.players[2].roles += ",hijacker:c"
	}
	for _, p := range d.players {
		if err := d.play(p); err != nil {
			return err
		}
	}
	watching, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() { watched <- d.watch(watching, d.history.process(2)) }()
	faults := d.history.process(1)
	calm := progressLimit + 5*time.Second
	for end := time.Now().Add(d.duration - calm); time.Now().Before(end); {
		pause(ctx, time.Duration(1000+d.random.IntN(4000))*time.Millisecond)
		if d.calm {
			continue
		}
		if err := d.fault(ctx, faults); err != nil {
			stop()
			return err
		}
	}
	faults.tells("heal", "")
	fmt.Println("faults are over")
	pause(ctx, calm)
	for _, p := range d.players {
		p.process.Process.Signal(syscall.SIGTERM)
	}
	for _, p := range d.players {
		select {
		case <-p.ended:
		case <-time.After(60 * time.Second):
			fmt.Printf("%s did not end when it was asked to\n", p.kind)
			d.kill(p)
		}
	}
	stop()
	return <-watched
}

// fault breaks something and lets it be well again.
func (d *driver) fault(ctx context.Context, faults *process) error {
	tell := func(kind string) {
		d.kinds[kind]++
		faults.tells("fault", kind)
	}
	short := func(most int) { pause(ctx, time.Duration(d.random.IntN(most))*time.Millisecond) }
	one := d.players[d.random.IntN(len(d.players))]
	select {
	case <-one.ended:
		return fmt.Errorf("a client ended by itself: %s, %s", one.kind, one.roles)
	default:
	}
	if !d.broker.Alive() {
		return errors.New("the broker ended by itself")
	}
	dice := d.random.IntN(100)
	if d.gentle {
		dice = 42 + dice*58/100
	}
	switch {
	case dice < 35:
		tell("broker SIGKILL")
		if err := d.broker.End(syscall.SIGKILL); err != nil {
			return err
		}
		short(1500)
		return d.broker.Start(ctx)
	case dice < 42:
		tell("broker SIGTERM")
		if err := d.broker.End(syscall.SIGTERM); err != nil {
			return err
		}
		return d.broker.Start(ctx)
	case dice < 62:
		tell("broker SIGSTOP")
		d.broker.Signal(syscall.SIGSTOP)
		short(7000)
		d.broker.Signal(syscall.SIGCONT)
	case dice < 82:
		tell(one.kind + " SIGKILL")
		d.kill(one)
		short(1000)
		return d.play(one)
	default:
		// Longer than sessions and transactions last, sometimes.
		tell(one.kind + " SIGSTOP")
		one.process.Process.Signal(syscall.SIGSTOP)
		short(14000)
		one.process.Process.Signal(syscall.SIGCONT)
	}
	return nil
}

// play starts a client process.
func (d *driver) play(p *player) error {
	d.started++
	p.number = d.started
	path := filepath.Join(d.scratch, fmt.Sprintf("client-%d.jsonl", p.number))
	log, err := os.Create(strings.TrimSuffix(path, ".jsonl") + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	seed := fmt.Sprint(d.random.Int64())
	if p.kind == "java" {
		p.process = exec.Command("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", d.java+":"+d.jars+"/*", "HistoryClient",
			d.broker.Address(), path, p.roles, fmt.Sprint(p.number), seed)
	} else {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		p.process = exec.Command(self, "-address", d.broker.Address(), "-history", path, "-roles", p.roles, "-number", fmt.Sprint(p.number), "-seed", seed)
	}
	p.process.Stdout, p.process.Stderr = log, log
	p.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.process.Start(); err != nil {
		return err
	}
	p.ended = make(chan struct{})
	go func(process *exec.Cmd, ended chan struct{}) {
		process.Wait()
		close(ended)
	}(p.process, p.ended)
	return nil
}

// kill ends a client at once; what its roles were at has an unknown end.
func (d *driver) kill(p *player) {
	p.process.Process.Kill()
	<-p.ended
	for role := range strings.Split(p.roles, ",") {
		d.history.process(p.number*100+role).tells("crash", p.kind)
	}
}

func (d *driver) stopAll() {
	for _, p := range d.players {
		if p.process != nil {
			p.process.Process.Kill()
		}
	}
	if d.broker.Pid > 0 {
		d.broker.Signal(syscall.SIGCONT)
		d.broker.End(syscall.SIGKILL)
	}
}

// judge lets the checker look at all histories.
func (d *driver) judge() error {
	histories, err := filepath.Glob(filepath.Join(d.scratch, "*.jsonl"))
	if err != nil {
		return err
	}
	sort.Strings(histories)
	command := exec.Command(d.checker, histories...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("the checker: %w", err)
	}
	return nil
}
