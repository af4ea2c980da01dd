package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// entry is a record that was read.
type entry struct {
	key, value string
}

// reader reads committed records of a topic from its start on, with librdkafka.
type reader struct {
	topic    string
	consumer *kafka.Consumer
	stopping chan struct{}
	stopped  chan struct{}

	lock sync.Mutex
	// By partition.
	entries [][]entry
	// Up to where there is nothing more, exclusive, by partition; -1 where that is not known.
	ends  []int64
	total int
	err   error
}

func (p *part) newReader(topic string, partitions int, isolation string) (*reader, error) {
	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": p.broker.Address(), "group.id": "reader", "auto.offset.reset": "earliest", "enable.auto.commit": false,
		"isolation.level": isolation, "enable.partition.eof": true, "fetch.wait.max.ms": 100, "log_level": 0,
		"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "fetch.error.backoff.ms": 50,
	})
	if err != nil {
		return nil, err
	}
	r := &reader{
		topic: topic, consumer: consumer, stopping: make(chan struct{}), stopped: make(chan struct{}),
		entries: make([][]entry, partitions), ends: make([]int64, partitions),
	}
	var places []kafka.TopicPartition
	for partition := range partitions {
		r.ends[partition] = -1
		places = append(places, kafka.TopicPartition{Topic: &topic, Partition: int32(partition), Offset: 0})
	}
	if err := consumer.Assign(places); err != nil {
		return nil, err
	}
	go r.read()
	return r, nil
}

func (r *reader) read() {
	defer close(r.stopped)
	for {
		select {
		case <-r.stopping:
			return
		default:
		}
		r.take(r.consumer.Poll(50))
	}
}

func (r *reader) take(event kafka.Event) {
	r.lock.Lock()
	defer r.lock.Unlock()
	switch event := event.(type) {
	case *kafka.Message:
		at := event.TopicPartition
		r.entries[at.Partition] = append(r.entries[at.Partition], entry{string(event.Key), string(event.Value)})
		r.total++
	case kafka.PartitionEOF:
		r.ends[event.Partition] = int64(event.Offset)
	case kafka.Error:
		// Connections end with the broker; an offset that is gone means lost records.
		if event.IsFatal() || event.Code() == kafka.ErrOffsetOutOfRange || event.Code() == kafka.ErrAutoOffsetReset {
			r.err = event
		}
	}
}

func (r *reader) count() int {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.total
}

func (r *reader) failed() error {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.err
}

// finish waits until the reader has everything up to these ends, and gives it, by partition.
func (r *reader) finish(ctx context.Context, ends []int64) ([][]entry, error) {
	defer r.close()
	for {
		r.lock.Lock()
		missing, err := -1, r.err
		for partition, end := range ends {
			// A partition that is empty has no end to be told.
			if end > 0 && r.ends[partition] < end {
				missing = partition
			}
		}
		if err != nil {
			r.lock.Unlock()
			return nil, err
		}
		if missing < 0 {
			defer r.lock.Unlock()
			return r.entries, nil
		}
		told := fmt.Errorf("%s-%d is read up to %d, and not to its end, %d", r.topic, missing, r.ends[missing], ends[missing])
		r.lock.Unlock()
		select {
		case <-ctx.Done():
			return nil, told
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (r *reader) close() {
	close(r.stopping)
	<-r.stopped
	r.consumer.Close()
}

// readAll reads a topic as it is now.
func (p *part) readAll(ctx context.Context, topic string, partitions int, isolation string) ([][]entry, error) {
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ends, err := p.stableEnds(limited, topic, partitions)
	if err != nil {
		return nil, err
	}
	reader, err := p.newReader(topic, partitions, isolation)
	if err != nil {
		return nil, err
	}
	return reader.finish(limited, ends)
}

// newAdmin is a client of a third library.
func (p *part) newAdmin() (*kgo.Client, error) {
	return kgo.NewClient(
		kgo.SeedBrokers(p.broker.Address()), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
		kgo.MetadataMinAge(50*time.Millisecond), kgo.AlwaysRetryEOF(),
	)
}

func (p *part) createTopic(ctx context.Context, topic string, partitions int) error {
	client, err := p.newAdmin()
	if err != nil {
		return err
	}
	defer client.Close()
	// Small segments, so that there are several.
	configs := map[string]*string{"segment.bytes": kadm.StringPtr("2097152")}
	_, err = kadm.NewClient(client).CreateTopic(ctx, int32(partitions), 1, configs, topic)
	return err
}

// stableEnds waits until no transaction is open in a topic, and gives the ends of its partitions, exclusive.
func (p *part) stableEnds(ctx context.Context, topic string, partitions int) ([]int64, error) {
	client, err := p.newAdmin()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	for {
		stable, err := admin.ListCommittedOffsets(ctx, topic)
		if err == nil {
			err = stable.Error()
		}
		if err != nil {
			return nil, err
		}
		high, err := admin.ListEndOffsets(ctx, topic)
		if err == nil {
			err = high.Error()
		}
		if err != nil {
			return nil, err
		}
		ends := make([]int64, partitions)
		open := -1
		for partition := range partitions {
			at, _ := stable.Lookup(topic, int32(partition))
			end, _ := high.Lookup(topic, int32(partition))
			ends[partition] = end.Offset
			if at.Offset < end.Offset {
				open = partition
			}
		}
		if open < 0 {
			return ends, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("a transaction stays open in %s-%d", topic, open)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
