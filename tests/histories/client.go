package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// A client process: librdkafka in several roles, each of which the checker takes for a process. java/HistoryClient.java is the
// same with Kafka's own client.

// The topics. Transactions go to those called txn; in is copied to out; plain never sees a transaction.
var partitions = map[string]int32{"txn": 4, "plain": 3, "in": 2, "out": 2}

const transactionTimeoutMs = 10_000

type client struct {
	*recorder
	address string
	number  int
	values  atomic.Int64
}

// runClient plays its roles until it is asked to end.
func runClient(address, path, roles string, number int, seed uint64) error {
	recorder, err := newRecorder(path)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	c := &client{recorder: recorder, address: address, number: number}
	var playing sync.WaitGroup
	for index, role := range strings.Split(roles, ",") {
		kind, id, _ := strings.Cut(role, ":")
		p := c.process(number*100 + index)
		r := rand.New(rand.NewPCG(seed, uint64(p.number)))
		playing.Go(func() {
			switch kind {
			case "transactor":
				c.transactor(ctx, p, r, id, 0)
			case "hijacker":
				c.transactor(ctx, p, r, id, 6*time.Second)
			case "copier":
				c.copier(ctx, p, r, id)
			case "producer":
				c.producer(ctx, p, r)
			case "consumer":
				c.consumer(ctx, p, r, id)
			case "member":
				c.member(ctx, p, r)
			default:
				panic("no role is called " + kind)
			}
		})
	}
	playing.Wait()
	return nil
}

func (c *client) newSend(r *rand.Rand, topic string) *send {
	value := int64(c.number)*10_000_000 + c.values.Add(1)
	return &send{topic: topic, partition: r.Int32N(partitions[topic]), value: value, offset: -1}
}

// pause waits for a while, or until everything ends.
func pause(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}

func (c *client) config(more kafka.ConfigMap) *kafka.ConfigMap {
	config := kafka.ConfigMap{
		"bootstrap.servers": c.address, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "log_level": 0,
		"retry.backoff.ms": 50,
	}
	for key, value := range more {
		config[key] = value
	}
	return &config
}

func (c *client) newProducer(more kafka.ConfigMap) *kafka.Producer {
	config := c.config(kafka.ConfigMap{"enable.idempotence": true, "linger.ms": 1, "message.timeout.ms": transactionTimeoutMs, "go.delivery.reports": true})
	for key, value := range more {
		(*config)[key] = value
	}
	producer, err := kafka.NewProducer(config)
	if err != nil {
		panic(err)
	}
	return producer
}

func (c *client) newConsumer(group, isolation string) *kafka.Consumer {
	consumer, err := kafka.NewConsumer(c.config(kafka.ConfigMap{
		"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": false, "isolation.level": isolation,
		"fetch.wait.max.ms": 100, "session.timeout.ms": 6000, "heartbeat.interval.ms": 500, "partition.assignment.strategy": "range",
		"queued.max.messages.kbytes": 1024,
	}))
	if err != nil {
		panic(err)
	}
	return consumer
}

// sendAll writes the records and waits for all answers; the first error is returned.
func sendAll(producer *kafka.Producer, r *rand.Rand, sends []*send) error {
	reports := make(chan kafka.Event, len(sends))
	var failed error
	sent := 0
	for _, s := range sends {
		message := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &s.topic, Partition: s.partition},
			Value:          content(s.value, strings.Repeat("x", r.IntN(300))), Opaque: s,
		}
		if err := producer.Produce(message, reports); err != nil {
			failed = err
			break
		}
		sent++
	}
	for range sent {
		message := (<-reports).(*kafka.Message)
		if err := message.TopicPartition.Error; err != nil {
			failed = err
		} else {
			message.Opaque.(*send).offset = int64(message.TopicPartition.Offset)
		}
	}
	return failed
}

func drain(producer *kafka.Producer) {
	go func() {
		for range producer.Events() {
			// Errors of connections, and fatal ones, which every call returns as well.
		}
	}()
}

// producer writes without transactions, mostly to topics that see none.
func (c *client) producer(ctx context.Context, p *process, r *rand.Rand) {
	producer := c.newProducer(nil)
	drain(producer)
	defer producer.Close()
	for ctx.Err() == nil {
		var sends []*send
		for range 1 + r.IntN(4) {
			sends = append(sends, c.newSend(r, []string{"plain", "plain", "in", "txn"}[r.IntN(4)]))
		}
		p.begins("send", sendSteps(sends), nil)
		if err := sendAll(producer, r, sends); err != nil {
			p.ends("info", sendSteps(sends), err)
			if producer.GetFatalError() != nil {
				producer.Close()
				producer = c.newProducer(nil)
				drain(producer)
			}
		} else {
			p.ends("ok", sendSteps(sends), nil)
		}
		pause(ctx, time.Duration(r.IntN(60))*time.Millisecond)
	}
}

// transactor writes to several partitions in each transaction, and mostly reads, too. With a rest it takes its id from
// another instance now and then.
func (c *client) transactor(ctx context.Context, p *process, r *rand.Rand, id string, rest time.Duration) {
	group := fmt.Sprintf("%s-%d", id, p.number)
	reader := c.newReader(p, group, "read_committed")
	defer reader.Close()
	if !reader.starts(ctx) {
		return
	}
	for ctx.Err() == nil {
		pause(ctx, rest/2+time.Duration(r.Int64N(int64(rest)+1)))
		producer := c.newTransactional(ctx, p, id)
		for count := 0; producer != nil && ctx.Err() == nil && (rest == 0 || count < 5); count++ {
			t := &transaction{process: p, producer: producer, r: r, reader: reader}
			for range 1 + r.IntN(4) {
				t.sends = append(t.sends, c.newSend(r, "txn"))
			}
			p.begins("txn", sendSteps(t.sends), fields{"txn_id": id, "group": group})
			committed, usable := t.run(ctx)
			if !committed && !reader.rewinds(ctx) {
				break
			}
			if !usable {
				break
			}
			pause(ctx, time.Duration(r.IntN(80))*time.Millisecond)
		}
		if producer != nil {
			producer.Close()
		}
	}
}

// newTransactional opens a producer and makes it the owner of the id, or returns nothing.
func (c *client) newTransactional(ctx context.Context, p *process, id string) *kafka.Producer {
	producer := c.newProducer(kafka.ConfigMap{"transactional.id": id, "transaction.timeout.ms": transactionTimeoutMs})
	drain(producer)
	p.begins("init", nil, fields{"txn_id": id})
	limited, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := producer.InitTransactions(limited); err != nil {
		p.ends("info", nil, err)
		producer.Close()
		pause(ctx, 200*time.Millisecond)
		return nil
	}
	p.ends("ok", nil, nil)
	return producer
}

// transaction is one on its way.
type transaction struct {
	*process
	producer *kafka.Producer
	r        *rand.Rand
	sends    []*send
	// What it reads with; nothing where it is given what was read.
	reader *reader
	polled polled
	// The offsets that go with it.
	offsets  map[string]int64
	metadata *kafka.ConsumerGroupMetadata
	// Whether it must not be aborted on purpose.
	willing bool
}

func (t *transaction) steps() []any {
	var steps []any
	if len(t.polled) > 0 {
		steps = append(steps, []any{"poll", t.polled})
	}
	steps = append(steps, sendSteps(t.sends)...)
	if len(t.offsets) > 0 {
		steps = append(steps, []any{"offsets", t.offsets})
	}
	return steps
}

// run does it, and says whether it was committed and whether the producer may go on.
func (t *transaction) run(ctx context.Context) (committed, usable bool) {
	if err := t.producer.BeginTransaction(); err != nil {
		t.ends("fail", t.steps(), err)
		return false, false
	}
	// A look at other people's records before or after the own ones.
	looks := t.r.IntN(3)
	if t.reader != nil && looks == 0 {
		t.look()
	}
	if err := sendAll(t.producer, t.r, t.sends); err != nil {
		return false, t.aborts(err)
	}
	if t.reader != nil && looks == 1 {
		t.look()
	}
	if len(t.offsets) > 0 {
		limited, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		err := t.producer.SendOffsetsToTransaction(limited, topicPartitions(t.offsets), t.metadata)
		cancel()
		if err != nil {
			return false, t.aborts(err)
		}
	}
	if !t.willing && t.r.IntN(5) == 0 {
		return false, t.aborts(nil)
	}
	if t.r.IntN(60) == 0 {
		// Long enough to be timed out, sometimes.
		pause(ctx, time.Duration(t.r.IntN(15))*time.Second)
	}
	t.says("progress", t.steps(), nil)
	return t.commits()
}

func (t *transaction) look() {
	t.polled = t.reader.poll(100*time.Millisecond, 30)
	t.offsets = ends(t.polled)
	metadata, err := t.reader.GetConsumerGroupMetadata()
	if err != nil {
		panic(err)
	}
	t.metadata = metadata
}

// aborts ends it with no way back, whatever the answer is: it was never to be committed.
func (t *transaction) aborts(why error) bool {
	for begun := time.Now(); ; {
		limited, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		err := t.producer.AbortTransaction(limited)
		cancel()
		if refused, is := err.(kafka.Error); is && refused.IsRetriable() && time.Since(begun) < 45*time.Second {
			continue
		}
		t.ends("fail", t.steps(), why)
		return err == nil
	}
}

func (t *transaction) commits() (committed, usable bool) {
	for begun := time.Now(); ; {
		limited, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		err := t.producer.CommitTransaction(limited)
		cancel()
		if err == nil {
			t.ends("ok", t.steps(), nil)
			return true, true
		}
		refused, is := err.(kafka.Error)
		if is && refused.IsRetriable() && time.Since(begun) < 45*time.Second {
			continue
		}
		// It may have been committed, and only the answer was lost.
		t.ends("info", t.steps(), err)
		if !is || !refused.TxnRequiresAbort() {
			return false, false
		}
		limited, cancel = context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		return false, t.producer.AbortTransaction(limited) == nil
	}
}

// copier copies records from one topic to another, as one of a group.
func (c *client) copier(ctx context.Context, p *process, r *rand.Rand, id string) {
	reader := c.newReader(p, "copier", "read_committed")
	defer reader.Close()
	reader.subscribes("in")
	for ctx.Err() == nil {
		producer := c.newTransactional(ctx, p, id)
		for producer != nil && ctx.Err() == nil {
			records := reader.polls(200*time.Millisecond, 8)
			if len(records) == 0 {
				continue
			}
			t := &transaction{process: p, producer: producer, r: r, offsets: ends(records)}
			for _, of := range records {
				for _, record := range of {
					copied := c.newSend(r, "out")
					copied.from, _ = record[1].(int64)
					t.sends = append(t.sends, copied)
				}
			}
			metadata, err := reader.GetConsumerGroupMetadata()
			if err != nil {
				panic(err)
			}
			t.metadata = metadata
			p.begins("txn", sendSteps(t.sends), fields{"txn_id": id, "group": "copier"})
			committed, usable := t.run(ctx)
			if !committed {
				reader.rewinds(ctx)
			}
			if !usable {
				break
			}
		}
		if producer != nil {
			producer.Close()
		}
	}
}
