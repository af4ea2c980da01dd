package main

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go"
)

// kafka-go: not idempotent. It does not retry here, so what was not acknowledged is there once or not at all.

type kafkaGoSender struct {
	*load
	writer *kafka.Writer
}

func (l *load) kafkaGo(codec kafka.Compression) func() (sender, error) {
	return func() (sender, error) {
		sender := &kafkaGoSender{load: l}
		sender.writer = &kafka.Writer{
			Addr: kafka.TCP(l.address), RequiredAcks: kafka.RequireAll, MaxAttempts: 1, Compression: codec, BatchBytes: batchBytes,
			BatchTimeout: 2 * time.Millisecond, Completion: sender.complete,
			Balancer: kafka.BalancerFunc(func(message kafka.Message, _ ...int) int {
				return int(l.places[message.WriterData.(outgoing).at].partition)
			}),
			Transport: &kafka.Transport{MetadataTTL: 500 * time.Millisecond, DialTimeout: time.Second},
		}
		return sender, nil
	}
}

func (s *kafkaGoSender) complete(messages []kafka.Message, err error) {
	for _, message := range messages {
		out := message.WriterData.(outgoing)
		if err != nil {
			s.refused(out.at, out.id, err)
		} else {
			s.acked(out.at, out.id, message.Offset)
		}
	}
}

func (s *kafkaGoSender) send(batch []outgoing) {
	var messages []kafka.Message
	for _, out := range batch {
		messages = append(messages, kafka.Message{Topic: s.places[out.at].topic, Value: out.value, WriterData: out})
	}
	// Returns when every record's fate is known; failures were taken in by complete.
	s.writer.WriteMessages(context.Background(), messages...)
}

func (s *kafkaGoSender) flush(context.Context) error { return nil }
func (s *kafkaGoSender) close()                      { s.writer.Close() }

func (l *load) kafkaGoConsumer(ctx context.Context, group int) error {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{l.address}, GroupID: l.groups[group], GroupTopics: l.topicNames(), StartOffset: kafka.FirstOffset,
		MaxWait: 100 * time.Millisecond, MaxBytes: 1 << 20, JoinGroupBackoff: 50 * time.Millisecond, MaxAttempts: 1_000_000,
		ReadBackoffMin: 20 * time.Millisecond, ReadBackoffMax: 100 * time.Millisecond, QueueCapacity: 1000,
		// When the broker goes away, kafka-go comes back as another member, and the group waits for the old one to time out.
		HeartbeatInterval: 200 * time.Millisecond, SessionTimeout: 800 * time.Millisecond, RebalanceTimeout: time.Second,
	})
	defer reader.Close()
	last := map[int]kafka.Message{}
	committed := time.Now()
	for {
		soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		message, err := reader.FetchMessage(soon)
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			at := l.indexes[place{message.Topic, int32(message.Partition)}]
			l.gotValue(group, at, message.Offset, message.Value)
			last[at] = message
		}
		if len(last) > 0 && time.Since(committed) > 100*time.Millisecond {
			l.kafkaGoCommit(ctx, reader, group, last)
			clear(last)
			committed = time.Now()
		}
	}
}

func (l *load) kafkaGoCommit(ctx context.Context, reader *kafka.Reader, group int, last map[int]kafka.Message) {
	var messages []kafka.Message
	for at, message := range last {
		messages = append(messages, message)
		l.commits(group, at, message.Offset+1)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if reader.CommitMessages(ctx, messages...) == nil {
		for at, message := range last {
			l.committed(group, at, message.Offset+1)
		}
	}
}
