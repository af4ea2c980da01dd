package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// defaults is many producers as most people configure them: 16 KiB batches, so much linger, no more than that. Each is one client.
func defaults(o options) (map[string]any, error) {
	var group sync.WaitGroup
	var records atomic.Int64
	var failure atomic.Value
	ctx := context.Background()
	value := payload(o.size)
	begun := time.Now()
	end := begun.Add(time.Duration(o.seconds) * time.Second)
	for range o.connections {
		client, err := kgo.NewClient(kgo.SeedBrokers(o.broker), kgo.DefaultProduceTopic(o.topic), kgo.ProducerBatchMaxBytes(16<<10),
			kgo.ProducerLinger(time.Duration(o.linger)*time.Millisecond), kgo.ProducerBatchCompression(kgo.NoCompression()),
			kgo.MaxBufferedRecords(2000))
		if err != nil {
			return nil, err
		}
		defer client.Close()
		group.Add(1)
		go func() {
			defer group.Done()
			for time.Now().Before(end) {
				client.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
					if err != nil {
						failure.Store(err)
					}
				})
				records.Add(1)
			}
			if err := client.Flush(ctx); err != nil {
				failure.Store(err)
			}
		}()
	}
	group.Wait()
	if err, failed := failure.Load().(error); failed {
		return nil, err
	}
	return rate(records.Load(), o.size, begun), nil
}

// mixed is a producer at a fixed rate, ten readers that each follow it to the end by themselves, and two that read everything again
// and again from the start.
func mixed(o options) (map[string]any, error) {
	stop := time.Now().Add(time.Duration(o.seconds) * time.Second)
	var group sync.WaitGroup
	var gb [12]float64
	var failures [12]error
	for index := range gb {
		group.Add(1)
		go func() {
			defer group.Done()
			for time.Now().Before(stop) && failures[index] == nil {
				part := o
				part.records, part.seconds = 0, o.seconds
				if index >= 10 {
					// Until everything that is there was read, then again.
					part.records = max(1, int64(o.rate)*int64(o.seconds)/4)
				}
				var report map[string]any
				if report, failures[index] = drain(part); failures[index] == nil {
					gb[index] += report["gb"].(float64)
				}
			}
		}()
	}
	report, err := paced(o)
	if err != nil {
		return nil, err
	}
	group.Wait()
	sum := 0.0
	for index := range gb {
		if failures[index] != nil {
			return nil, failures[index]
		}
		sum += gb[index]
	}
	report["read_gb"] = sum
	return report, nil
}
