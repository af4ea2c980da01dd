package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// oneProducer is a client as most people configure it, which is not at all: 16 KiB batches, 5 ms linger, and the
// partitioner that stays with a partition for a batch.
func oneProducer(o options) (map[string]any, error) {
	return produceFor(o, kgo.ProducerBatchMaxBytes(16<<10), kgo.ProducerLinger(5*time.Millisecond))
}

// spread writes one record after the other to the next partition, so that every partition gets the same and few get
// more than one at a time.
func spread(o options) (map[string]any, error) {
	return produceFor(o, kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.ProducerLinger(5*time.Millisecond))
}

// produceFor produces as fast as it goes until the time is over, and then waits until all of it is acknowledged, which
// counts too.
func produceFor(o options, settings ...kgo.Opt) (map[string]any, error) {
	client, err := kgo.NewClient(append(settings,
		kgo.SeedBrokers(o.broker), kgo.DefaultProduceTopic(o.topic), kgo.ProducerBatchCompression(kgo.NoCompression()),
		// What is on its way when the time is over is waited for: with a slow broker, not for minutes.
		kgo.MaxBufferedRecords(o.buffered))...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if err := client.ProduceSync(context.Background(), &kgo.Record{Value: payload(o.size)}).FirstErr(); err != nil {
		return nil, err
	}
	value := payload(o.size)
	var failure atomic.Value
	begun := time.Now()
	count := int64(0)
	for time.Since(begun) < time.Duration(o.seconds)*time.Second {
		client.Produce(context.Background(), &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failure.Store(err)
			}
		})
		count++
	}
	if err := client.Flush(context.Background()); err != nil {
		return nil, err
	}
	if err, failed := failure.Load().(error); failed {
		return nil, err
	}
	return rate(count, o.size, begun), nil
}

// paced produces so many records a second in big batches and says how long each waited for its acknowledgement: what a producer
// notices of others where it is not the machine's whole load itself.
func paced(o options) (map[string]any, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(o.broker), kgo.DefaultProduceTopic(o.topic), kgo.ProducerBatchMaxBytes(1_000_000),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(200_000),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	value := payload(o.size)
	count := o.rate * o.seconds
	took := make([]time.Duration, count)
	var failure atomic.Value
	begun := time.Now()
	for index := range count {
		if index%100 == 0 {
			time.Sleep(time.Until(begun.Add(time.Duration(index) * time.Second / time.Duration(o.rate))))
		}
		sent := time.Now()
		client.Produce(context.Background(), &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failure.Store(err)
			}
			took[index] = time.Since(sent)
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		return nil, err
	}
	report := rate(int64(count), o.size, begun)
	for key, value := range percentiles(took) {
		report[key] = value
	}
	if err, failed := failure.Load().(error); failed {
		return nil, err
	}
	return report, nil
}

// latency produces so many records a second, one by one, and says how long each took to a consumer.
func latency(o options) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(o.seconds+30)*time.Second)
	defer cancel()
	producer, err := kgo.NewClient(kgo.SeedBrokers(o.broker), kgo.DefaultProduceTopic(o.topic), kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	consumer, err := kgo.NewClient(kgo.SeedBrokers(o.broker), kgo.ConsumeTopics(o.topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	begun := time.Now()
	// The first second is for connections and code to warm up.
	count, skip := o.rate*(o.seconds+1), o.rate
	go func() {
		for index := range count {
			time.Sleep(time.Until(begun.Add(time.Duration(index) * time.Second / time.Duration(o.rate))))
			value := payload(o.size)
			binary.BigEndian.PutUint64(value, uint64(time.Since(begun)))
			binary.BigEndian.PutUint64(value[8:], uint64(index))
			producer.Produce(ctx, &kgo.Record{Value: value}, nil)
		}
	}()
	latencies := make([]time.Duration, 0, count)
	for len(latencies) < count-skip {
		fetches := consumer.PollFetches(ctx)
		now := time.Since(begun)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%d of %d records came", len(latencies), count-skip)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			if len(record.Value) == o.size && binary.BigEndian.Uint64(record.Value[8:]) >= uint64(skip) {
				latencies = append(latencies, now-time.Duration(binary.BigEndian.Uint64(record.Value)))
			}
		})
	}
	return percentiles(latencies), nil
}
