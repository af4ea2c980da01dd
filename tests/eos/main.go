// Exactly once with other people's clients: each part runs them against a fresh broker, kills what there is to kill, and holds
// what is read in the end against what must be there.
//
//	eos -broker BINARY|kafka -scratch DIR … [PART…]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"ottla-broker"
)

// Settings that brokers get: what is waited for is short.
var settings = []string{
	"group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=3", "transaction.state.log.num.partitions=3",
	"transaction.abort.timed.out.transaction.cleanup.interval.ms=500", "log.flush.offset.checkpoint.interval.ms=1000",
}

// tools are where the clients are.
type tools struct {
	// Directories of jars: Kafka's newest client, its newest tools with Streams, and its tools of 2.8 with their client.
	newestClient, newestTools, oldestTools string
	// The directory of the compiled java/WordCount.java, and that of its source.
	java, source string
	// A Python that has confluent-kafka.
	python string
}

type options struct {
	broker, script, scratch string
	port, records, kills    int
	seed                    uint64
	tools
}

func main() {
	var o options
	flag.StringVar(&o.broker, "broker", "", "the binary of Ottla, or kafka")
	flag.StringVar(&o.script, "kafka", "", "tests/kafka/start")
	flag.StringVar(&o.scratch, "scratch", "", "an empty directory")
	flag.IntVar(&o.port, "port", 29492, "where the broker listens")
	flag.IntVar(&o.records, "records", 100_000, "how many are copied, and how many words are counted")
	flag.IntVar(&o.kills, "kills", 40, "how often something is killed in each part that kills")
	flag.Uint64Var(&o.seed, "seed", 0, "of the words and of when things are killed; 0: a new one")
	flag.StringVar(&o.newestClient, "newest-client", "", "the jars of Kafka's newest client")
	flag.StringVar(&o.newestTools, "newest-tools", "", "the jars of Kafka's newest tools, with Streams")
	flag.StringVar(&o.oldestTools, "oldest-tools", "", "the jars of old tools, with their client")
	flag.StringVar(&o.java, "java", "", "the compiled java/WordCount.java")
	flag.StringVar(&o.source, "source", "", "the directory java")
	flag.StringVar(&o.python, "python", "", "a Python that has confluent-kafka")
	flag.Parse()
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	fmt.Printf("seed %d\n", o.seed)
	parts := flag.Args()
	if len(parts) == 0 {
		parts = []string{"clients", "copier", "group", "streams", "ids"}
	}
	failed := 0
	for _, name := range parts {
		if err := o.part(name); err != nil {
			failed++
			fmt.Printf("%s FAILED: %v\n", name, err)
		}
	}
	fmt.Printf("eos: %d passed, %d failed\n", len(parts)-failed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// part is one part of the test with a broker of its own.
type part struct {
	options
	name      string
	directory string
	broker    *broker.Broker
	random    *rand.Rand
	// The processes of clients, which end with the part.
	clients []*process
}

func (o options) part(name string) (err error) {
	act, is := map[string]func(*part, context.Context) (string, error){
		"clients": (*part).transactors, "copier": (*part).copiers, "group": (*part).groupOfCopiers, "streams": (*part).wordCount,
		"ids": (*part).manyIds,
	}[name]
	if !is {
		return errors.New("no part is called that; see the head of tests/eos/run")
	}
	p := &part{options: o, name: name, directory: filepath.Join(o.scratch, name), random: rand.New(rand.NewPCG(o.seed, 0))}
	if err := os.MkdirAll(p.directory, 0o755); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(p.directory, "broker.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	p.broker = &broker.Broker{Binary: o.broker, Script: o.script, Directory: p.directory, Port: o.port, Settings: settings, Log: log}
	if o.broker == "kafka" {
		p.broker.Binary = ""
	}
	if name == "ids" {
		// As many partitions as there are by default.
		p.broker.Settings = nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	defer p.end(&err)
	if err := p.broker.Start(ctx); err != nil {
		return err
	}
	begun := time.Now()
	told, err := act(p, ctx)
	if err == nil {
		fmt.Printf("%s: %s; %.0f s\n", name, told, time.Since(begun).Seconds())
	}
	return err
}

// end ends all that runs. A broker that does not stop in order is a failure, too.
func (p *part) end(err *error) {
	for _, client := range p.clients {
		client.kill()
	}
	if p.broker.Pid == 0 {
		return
	}
	if *err != nil {
		p.broker.End(syscall.SIGKILL)
	} else if !p.broker.Alive() {
		*err = errors.New("the broker ended by itself")
	} else {
		*err = p.broker.End(syscall.SIGTERM)
	}
}

// restartBroker ends the broker by a signal and starts it again.
func (p *part) restartBroker(ctx context.Context, signal syscall.Signal) error {
	if !p.broker.Alive() {
		return errors.New("the broker ended by itself")
	}
	if err := p.broker.End(signal); err != nil {
		return err
	}
	return p.broker.Start(ctx)
}
