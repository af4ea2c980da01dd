package main

import (
	"context"
	"errors"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// librdkafka: idempotent, and it never gives a record up for its age.

type rdkafkaSender struct {
	*load
	producer *kafka.Producer
	window   window
}

func (l *load) rdkafkaConfig(more kafka.ConfigMap) *kafka.ConfigMap {
	config := kafka.ConfigMap{
		"bootstrap.servers": l.address, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100, "log_level": 0,
		"socket.keepalive.enable": true,
	}
	for key, value := range more {
		config[key] = value
	}
	return &config
}

func (l *load) rdkafka(codec string) func() (sender, error) {
	return func() (sender, error) {
		producer, err := kafka.NewProducer(l.rdkafkaConfig(kafka.ConfigMap{
			"enable.idempotence": true, "message.timeout.ms": 0, "retry.backoff.ms": 20, "linger.ms": 2,
			"compression.type": codec, "batch.size": batchBytes,
		}))
		if err != nil {
			return nil, err
		}
		sender := &rdkafkaSender{l, producer, newWindow(400)}
		go sender.reports()
		return sender, nil
	}
}

func (s *rdkafkaSender) reports() {
	for event := range s.producer.Events() {
		message, isReport := event.(*kafka.Message)
		if !isReport {
			// Errors of connections, and fatal ones, after which every record is refused.
			continue
		}
		out := message.Opaque.(outgoing)
		if err := message.TopicPartition.Error; err != nil {
			s.refused(out.at, out.id, err)
		} else {
			s.acked(out.at, out.id, max(-1, int64(message.TopicPartition.Offset)))
		}
		s.window.leave()
	}
}

func (s *rdkafkaSender) send(batch []outgoing) {
	for _, out := range batch {
		s.window.enter()
		to := s.places[out.at]
		message := &kafka.Message{
			TopicPartition: kafka.TopicPartition{Topic: &to.topic, Partition: to.partition}, Value: out.value, Opaque: out,
		}
		if err := s.producer.Produce(message, nil); err != nil {
			s.refused(out.at, out.id, err)
			s.window.leave()
		}
	}
}

func (s *rdkafkaSender) flush(ctx context.Context) error { return s.window.empty(ctx) }
func (s *rdkafkaSender) close()                          { s.producer.Close() }

func (l *load) rdkafkaConsumer(ctx context.Context, group int) error {
	consumer, err := kafka.NewConsumer(l.rdkafkaConfig(kafka.ConfigMap{
		"group.id": l.groups[group], "auto.offset.reset": "earliest", "enable.auto.commit": false, "fetch.wait.max.ms": 100,
		"retry.backoff.ms": 20,
	}))
	if err != nil {
		return err
	}
	defer consumer.Close()
	if err := consumer.SubscribeTopics(l.topicNames(), nil); err != nil {
		return err
	}
	committed := time.Now()
	for ctx.Err() == nil {
		switch event := consumer.Poll(50).(type) {
		case *kafka.Message:
			to := event.TopicPartition
			l.gotValue(group, l.indexes[place{*to.Topic, to.Partition}], int64(to.Offset), event.Value)
		case kafka.Error:
			if event.IsFatal() {
				return event
			}
		}
		if time.Since(committed) > 100*time.Millisecond {
			l.rdkafkaCommit(consumer, group)
			committed = time.Now()
		}
	}
	return nil
}

func (l *load) rdkafkaCommit(consumer *kafka.Consumer, group int) {
	offsets, err := consumer.Commit()
	var refused kafka.Error
	if err != nil && !errors.As(err, &refused) {
		l.fails(err)
	}
	if err != nil {
		return
	}
	for _, to := range offsets {
		if to.Error == nil && to.Offset >= 0 {
			l.committed(group, l.indexes[place{*to.Topic, to.Partition}], int64(to.Offset))
		}
	}
}
