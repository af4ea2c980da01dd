// The broker dies again and again under the load of other people's clients, and nothing may be lost.
//
//	chaos -binary OTTLA -scratch DIR [-power] [-rounds N] [-seed S] [-rate N] [-jars DIR -java FILE]
//
// A round is: start, hold what is in the logs against everything that was acknowledged before, let the load run for a
// moment, kill. The clients live through all rounds. With -power the data lies on a file system of its own, and a round ends with
// the loss of its power instead. With -failing that disk fails first, and the broker is started on what that has left.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

type options struct {
	binary, scratch, address, jars, source string
	power, failing, sabotage               bool
	rounds, rate                           int
	seed                                   uint64
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "", "the broker")
	flag.StringVar(&o.scratch, "scratch", "", "an empty directory")
	flag.StringVar(&o.address, "address", "127.0.0.1:29292", "where the broker listens")
	flag.StringVar(&o.jars, "jars", "", "the directory of Kafka's jars")
	flag.StringVar(&o.source, "java", "", "java/ChaosClient.java")
	flag.BoolVar(&o.power, "power", false, "cut the power instead of killing the process")
	flag.BoolVar(&o.failing, "failing", false, "let the disk fail before its power is cut")
	flag.BoolVar(&o.sabotage, "sabotage", false, "lose records on purpose; succeed if that is found")
	flag.IntVar(&o.rounds, "rounds", 200, "how often the broker dies")
	flag.IntVar(&o.rate, "rate", 400, "records a second and producer")
	flag.Uint64Var(&o.seed, "seed", 0, "of the load and of the moments of death; 0: a new one")
	flag.Parse()
	o.power = o.power || o.failing
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	fmt.Printf("seed %d\n", o.seed)
	r := &run{options: o, random: rand.New(rand.NewPCG(o.seed, 0)), kinds: map[string]int{}}
	err := r.all()
	if o.sabotage {
		err = found(err)
	} else {
		r.report(err)
	}
	if err != nil {
		os.Exit(1)
	}
}

// A broker that lost records takes new ones at once, in the places of the old ones: each of these may be seen first.
var lossRules = []string{ruleLost, ruleMoved, ruleTwice, ruleDisorder, ruleSkipped, ruleGap, ruleChanged, ruleShrunk, ruleBack, ruleRefused}

// found turns the verdict round: records were lost on purpose.
func found(err error) error {
	var broken *violation
	if errors.As(err, &broken) && slices.Contains(lossRules, broken.rule) {
		fmt.Printf("records were lost on purpose, and it was found: %v\n", broken)
		return nil
	}
	fmt.Printf("FAILED: records were lost on purpose, but what was found is: %v\n", err)
	return fmt.Errorf("not found")
}

// run is one run with its parts.
type run struct {
	options
	random *rand.Rand
	broker *broker
	disk   *disk
	load   *load
	done   int
	kinds  map[string]int
	starts []time.Duration
	begun  time.Time
	served time.Time
	// Time spent on looking at the logs.
	examined time.Duration
}

func (r *run) topics() []topic {
	wide := int32(4)
	if r.power {
		// Enough for one syncfs instead of a sync for each.
		wide = 40
	}
	topics := []topic{
		{"synced", wide, map[string]string{"internal.segment.bytes": "1048576"}},
		{"rolled", 2, map[string]string{"internal.segment.bytes": "200000"}},
		{"packed", 2, map[string]string{"compression.type": "zstd", "segment.ms": "700"}},
	}
	if !r.power {
		// The process dies, the operating system does not: what is in the page cache stays.
		topics = append(topics, topic{"cached", 4, map[string]string{
			"ottla.ack.durability": "page-cache", "internal.segment.bytes": "400000"}})
	}
	if r.power && r.sabotage {
		for _, topic := range topics {
			topic.configs["ottla.ack.durability"] = "page-cache"
		}
	}
	return topics
}

// Who writes: the index is the producer's id.
var producers = []producer{
	{"franz-go", true}, {"franz-go, renewed", true}, {"librdkafka", true}, {"librdkafka, snappy", true},
	{"kafka-go, gzip", false}, {"java, lz4", true},
}

var groups = []string{"franz-go", "librdkafka", "kafka-go", "java"}

func (r *run) all() error {
	r.begun = time.Now()
	data := filepath.Join(r.scratch, "data")
	if r.power {
		at := filepath.Join(r.scratch, "disk")
		disk, err := r.newDisk(at)
		if err != nil {
			return err
		}
		r.disk, data = disk, filepath.Join(at, "data")
		defer r.disk.remove()
	}
	log, err := os.OpenFile(filepath.Join(r.scratch, "broker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	r.broker = &broker{binary: r.binary, data: data, address: r.address, log: log}
	var places []place
	for _, topic := range r.topics() {
		for partition := range topic.partitions {
			places = append(places, place{topic.name, partition})
		}
	}
	h := newHistory(places, producers, groups)
	r.load = newLoad(h, r.address, r.seed, r.rate)
	defer func() {
		if r.broker.process != nil {
			r.broker.kill()
		}
	}()
	return r.loop()
}

func (r *run) newDisk(at string) (*disk, error) {
	if r.failing {
		return newFailingDisk(filepath.Join(r.scratch, "memory"), at, 1<<30)
	}
	return newDisk(filepath.Join(r.scratch, "image"), at, 8<<30)
}

func (r *run) loop() error {
	ctx := context.Background()
	if err := r.start(ctx); err != nil {
		return err
	}
	if err := createTopics(ctx, r.address, r.topics()); err != nil {
		return err
	}
	writing, stopWriting := context.WithCancel(ctx)
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	defer stopWriting()
	r.clients(writing, reading)
	for r.done = 0; r.done < r.rounds; r.done++ {
		if err := r.round(ctx); err != nil {
			return err
		}
		if r.done%20 == 19 {
			acknowledged, _ := r.load.totals()
			fmt.Printf("%4d rounds, %5.1f s, %d records acknowledged\n", r.done+1, time.Since(r.begun).Seconds(), acknowledged)
		}
	}
	return r.finish(ctx, stopWriting, stopReading)
}

func (r *run) clients(writing, reading context.Context) {
	l := r.load
	renewed := time.NewTicker(1500 * time.Millisecond)
	l.write(writing, 0, l.franz(kgo.NoCompression()), nil)
	l.write(writing, 1, l.franz(kgo.ZstdCompression()), renewed.C)
	l.write(writing, 2, l.rdkafka("none"), nil)
	l.write(writing, 3, l.rdkafka("snappy"), nil)
	l.write(writing, 4, l.kafkaGo(kafka.Gzip), nil)
	l.read(reading, 0, l.franzConsumer)
	l.read(reading, 1, l.rdkafkaConsumer)
	l.read(reading, 2, l.kafkaGoConsumer)
	if r.jars == "" {
		return
	}
	l.java(writing, reading, r.jars, r.source, r.scratch, 5, 3)
}

// start starts the broker and waits until it serves.
func (r *run) start(ctx context.Context) error {
	if err := r.broker.start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	took, err := r.broker.serves(ctx)
	r.starts = append(r.starts, took)
	r.served = time.Now()
	return err
}

// round lets the load run against a broker that serves, ends the broker in one of several ways, starts it again and
// looks at everything.
func (r *run) round(ctx context.Context) error {
	// The logs were looked at under this load, too.
	duration := time.Duration(300+r.random.IntN(1200)) * time.Millisecond
	if err := r.wait(time.Until(r.served.Add(duration))); err != nil {
		return err
	}
	if err := r.end(ctx); err != nil {
		return err
	}
	m := r.load.mark()
	if r.tearsNow() {
		if err := r.tear(); err != nil {
			return err
		}
	}
	if !r.power && r.random.IntN(12) == 0 {
		if err := r.stillborn(); err != nil {
			return err
		}
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	began := time.Now()
	defer func() { r.examined += time.Since(began) }()
	return r.load.examine(ctx, r.address, m, false)
}

// wait lets the load run, unless something is wrong already.
func (r *run) wait(duration time.Duration) error {
	select {
	case <-time.After(duration):
		return r.broker.alive()
	case <-r.load.failed:
		return r.load.verdict()
	case err := <-r.load.errors:
		return err
	case <-r.broker.ended:
		return r.broker.alive()
	}
}

// end ends the broker: mostly with SIGKILL, sometimes after it was paused, sometimes in good order.
func (r *run) end(ctx context.Context) error {
	dice := r.random.IntN(100)
	switch {
	case r.failing:
		r.kinds["failed disk, start, power cut"]++
		return r.fail(ctx)
	case r.power && dice < 70:
		r.kinds["power cut"]++
		return r.cut()
	case r.power:
		// What the first broker wrote and did not sync, the second one must not take for safe.
		r.kinds["SIGKILL, start, power cut"]++
		r.broker.kill()
		return r.startAndCut(ctx)
	case dice < 8 && !r.tearsNow():
		r.kinds["SIGTERM"]++
		return r.broker.stop()
	case dice < 20:
		r.kinds["SIGSTOP, SIGCONT, SIGKILL"]++
		r.broker.signal(syscall.SIGSTOP)
		time.Sleep(time.Duration(50+r.random.IntN(350)) * time.Millisecond)
		r.broker.signal(syscall.SIGCONT)
		if err := r.wait(time.Duration(r.random.IntN(200)) * time.Millisecond); err != nil {
			return err
		}
		r.broker.kill()
	default:
		r.kinds["SIGKILL"]++
		r.broker.kill()
	}
	return nil
}

// startAndCut starts a broker on what another one has left, and cuts the power under its load.
func (r *run) startAndCut(ctx context.Context) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	if err := r.wait(time.Duration(200+r.random.IntN(400)) * time.Millisecond); err != nil {
		return err
	}
	return r.cut()
}

// fail lets the disk fail under the load until the broker has ended for it, and mends it. What the kernel could not write it shows as
// if it had: the next broker must not believe it.
func (r *run) fail(ctx context.Context) error {
	if err := r.disk.fail(); err != nil {
		return err
	}
	select {
	case <-r.broker.ended:
	case <-r.load.failed:
		return r.load.verdict()
	case err := <-r.load.errors:
		return err
	case <-time.After(30 * time.Second):
		return errors.New("the broker goes on 30 s after its disk has failed")
	}
	if err := r.disk.mend(); err != nil {
		return err
	}
	// The kernel tells of each file that it could not write once more, to whoever opens it next. Then it is forgotten.
	for range 200 {
		err := r.startAndCut(ctx)
		select {
		case <-r.broker.ended:
		default:
			return err
		}
		if r.broker.wasKilled() {
			return err
		}
		r.kinds["end for what had failed"]++
	}
	return errors.New("the broker does not stay on a disk that works again")
}

// cut cuts the power and mounts again. The broker is frozen first, as the power takes both at once: for a moment after its shutdown
// ext4 lets fdatasync succeed although nothing reaches the disk any more, and an acknowledgement of that would get out.
func (r *run) cut() error {
	if err := r.broker.freeze(); err != nil {
		return err
	}
	if err := r.disk.cut(); err != nil {
		return err
	}
	r.broker.kill()
	if err := r.disk.unmount(); err != nil {
		return err
	}
	return r.disk.mount()
}

// stillborn starts the broker and kills it while it recovers.
func (r *run) stillborn() error {
	r.kinds["SIGKILL while starting"]++
	if err := r.broker.start(); err != nil {
		return err
	}
	time.Sleep(time.Duration(r.random.IntN(40_000)) * time.Microsecond)
	err := r.broker.alive()
	r.broker.kill()
	return err
}

// tearsNow says whether a log is torn in this round. The broker is killed then: after a stop in good order it knows what it had, and keeps
// the partition offline.
func (r *run) tearsNow() bool { return r.sabotage && !r.power && r.done == 1 }

// tear takes the last bytes of a log away, as a broker would that acknowledges before it writes. The write-ahead log would bring them back.
func (r *run) tear() error {
	ahead, err := filepath.Glob(filepath.Join(r.broker.data, "write-ahead.*"))
	if err != nil {
		return err
	}
	for _, path := range ahead {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	segments, err := filepath.Glob(filepath.Join(r.broker.data, "synced-0", "*.log"))
	if err != nil || len(segments) == 0 {
		return fmt.Errorf("no segment to tear: %v", err)
	}
	last := slices.Max(segments)
	info, err := os.Stat(last)
	if err != nil {
		return err
	}
	return os.Truncate(last, info.Size()*9/10)
}

// finish lets everybody come to an end with a broker that lives, stops it in good order, and reads everything once more.
func (r *run) finish(ctx context.Context, stopWriting, stopReading func()) error {
	fmt.Printf("%d rounds done after %.1f s\n", r.done, time.Since(r.begun).Seconds())
	stopWriting()
	r.load.writers.Wait()
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	stopReading()
	r.load.readers.Wait()
	select {
	case err := <-r.load.errors:
		return err
	default:
	}
	if err := r.broker.stop(); err != nil {
		return err
	}
	m := r.load.mark()
	if err := r.start(ctx); err != nil {
		return err
	}
	if err := r.load.examine(ctx, r.address, m, true); err != nil {
		return err
	}
	if err := r.load.close(); err != nil {
		return err
	}
	return r.broker.stop()
}

// catchUp waits until every group has committed all there is.
func (r *run) catchUp(ctx context.Context) error {
	if err := r.load.examine(ctx, r.address, r.load.mark(), false); err != nil {
		return err
	}
	for began := time.Now(); ; {
		behind := r.load.behind()
		if behind == "" {
			return nil
		}
		if time.Since(began) > 45*time.Second {
			return fmt.Errorf("groups did not catch up: %s", behind)
		}
		if err := r.wait(100 * time.Millisecond); err != nil {
			return err
		}
	}
}

func (r *run) report(err error) {
	slices.Sort(r.starts)
	fmt.Printf("looking at the logs took %.1f s\n", r.examined.Seconds())
	fmt.Printf("%d rounds in %.0f s: %v\n", r.done, time.Since(r.begun).Seconds(), r.kinds)
	if n := len(r.starts); n > 0 {
		fmt.Printf("start to first connection: median %s, longest %s\n", r.starts[n/2].Round(time.Millisecond), r.starts[n-1].Round(time.Millisecond))
	}
	name, failed := "chaos", 0
	if r.power {
		name = "power-cut"
	}
	if r.failing {
		name = "failing-disk"
		fmt.Printf("ext4 gave up %d times\n", r.disk.remounts)
	}
	if r.load != nil {
		acknowledged, held := r.load.totals()
		fmt.Printf("%d records acknowledged, %d in the logs\n", acknowledged, held)
		for id, producer := range r.load.producers {
			fmt.Printf("  %-20s %8d acknowledged\n", producer.name, r.load.acks[id])
		}
	}
	if err != nil {
		fmt.Printf("FAILED after round %d: %v\n", r.done, err)
		failed = 1
	}
	fmt.Printf("%s: %d passed, %d failed\n", name, r.done, failed)
}
