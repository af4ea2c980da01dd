package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// franz-go: idempotent, retries without end, as it does by default; only its pauses are shorter.

type franzSender struct {
	*load
	client *kgo.Client
	window window
}

func (l *load) franzOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(l.address),
		kgo.MetadataMinAge(20 * time.Millisecond),
		// A broker that dies right after it took a connection would else pass for one that wants SASL.
		kgo.AlwaysRetryEOF(),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
	}
}

func (l *load) franz(codec kgo.CompressionCodec) func() (sender, error) {
	return func() (sender, error) {
		client, err := kgo.NewClient(append(l.franzOptions(),
			kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerBatchCompression(codec),
			kgo.ProducerLinger(2*time.Millisecond),
			kgo.ProducerBatchMaxBytes(batchBytes),
		)...)
		return &franzSender{l, client, newWindow(400)}, err
	}
}

func (s *franzSender) send(batch []outgoing) {
	for _, out := range batch {
		s.window.enter()
		to := s.places[out.at]
		record := &kgo.Record{Topic: to.topic, Partition: to.partition, Value: out.value}
		s.client.Produce(context.Background(), record, func(record *kgo.Record, err error) {
			if err != nil {
				s.refused(out.at, out.id, err)
			} else {
				s.acked(out.at, out.id, record.Offset)
			}
			s.window.leave()
		})
	}
}

func (s *franzSender) flush(ctx context.Context) error { return s.window.empty(ctx) }
func (s *franzSender) close()                          { s.client.Close() }

func (l *load) franzConsumer(ctx context.Context, group int) error {
	client, err := kgo.NewClient(append(l.franzOptions(),
		kgo.ConsumerGroup(l.groups[group]), kgo.ConsumeTopics(l.topicNames()...), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond),
	)...)
	if err != nil {
		return err
	}
	defer client.Close()
	for ctx.Err() == nil {
		client.PollRecords(ctx, 2000).EachRecord(func(record *kgo.Record) {
			l.gotValue(group, l.indexes[place{record.Topic, record.Partition}], record.Offset, record.Value)
		})
		l.franzCommit(ctx, client, group)
	}
	return nil
}

func (l *load) franzCommit(ctx context.Context, client *kgo.Client, group int) {
	offsets := client.UncommittedOffsets()
	done := func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			return
		}
		for _, topic := range response.Topics {
			for _, answer := range topic.Partitions {
				if kerr.ErrorForCode(answer.ErrorCode) == nil {
					at := l.indexes[place{topic.Topic, answer.Partition}]
					l.committed(group, at, offsets[topic.Topic][answer.Partition].Offset)
				}
			}
		}
	}
	client.CommitOffsetsSync(ctx, offsets, done)
}
