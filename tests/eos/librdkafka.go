package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// rdkafka is confluent-kafka-go as a transactor.
type rdkafka struct {
	address   string
	producers map[string]*kafka.Producer
}

func newRdkafka(address string) *rdkafka {
	return &rdkafka{address, map[string]*kafka.Producer{}}
}

func (r *rdkafka) do(command string, words ...string) error {
	err := r.act(command, words[0], words[1:])
	var refused kafka.Error
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code() {
	case kafka.ErrFenced, kafka.ErrProducerFenced, kafka.ErrInvalidProducerEpoch:
		if !refused.IsFatal() {
			return fmt.Errorf("%s: fenced, but not for good: %w", command, err)
		}
		return fmt.Errorf("%s: %w: %w", command, errFenced, err)
	}
	return fmt.Errorf("%s: %w", command, err)
}

func (r *rdkafka) act(command, name string, words []string) error {
	limited, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	producer := r.producers[name]
	switch command {
	case "init":
		return r.open(limited, name, words[0], words[1])
	case "begin":
		return producer.BeginTransaction()
	case "send":
		return send(producer, words[0], words[1], words[2])
	case "offset":
		return r.offset(limited, producer, words)
	case "commit":
		return producer.CommitTransaction(limited)
	case "abort":
		return producer.AbortTransaction(limited)
	case "close":
		delete(r.producers, name)
		producer.Close()
		return nil
	default:
		return errors.New("no command is called " + command)
	}
}

func (r *rdkafka) open(ctx context.Context, name, id, timeoutMs string) error {
	producer, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers": r.address, "transactional.id": id, "transaction.timeout.ms": timeoutMs, "message.timeout.ms": timeoutMs,
		"linger.ms": 0, "go.delivery.reports": true, "go.logs.channel.enable": true,
	})
	if err != nil {
		return err
	}
	// Every call returns what matters.
	go func() {
		for range producer.Events() {
		}
	}()
	go func() {
		for range producer.Logs() {
		}
	}()
	r.producers[name] = producer
	return producer.InitTransactions(ctx)
}

func send(producer *kafka.Producer, topic, partition, value string) error {
	number, err := strconv.Atoi(partition)
	if err != nil {
		return err
	}
	place := kafka.TopicPartition{Topic: &topic, Partition: int32(number)}
	reports := make(chan kafka.Event, 1)
	if err := producer.Produce(&kafka.Message{TopicPartition: place, Value: []byte(value)}, reports); err != nil {
		return err
	}
	return (<-reports).(*kafka.Message).TopicPartition.Error
}

func (r *rdkafka) offset(ctx context.Context, producer *kafka.Producer, words []string) error {
	group, topic := words[0], words[1]
	partition, partitionErr := strconv.Atoi(words[2])
	offset, offsetErr := kafka.NewOffset(words[3])
	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{"bootstrap.servers": r.address, "group.id": group, "log_level": 0})
	if err := errors.Join(partitionErr, offsetErr, err); err != nil {
		return err
	}
	defer consumer.Close()
	metadata, err := consumer.GetConsumerGroupMetadata()
	if err != nil {
		return err
	}
	place := kafka.TopicPartition{Topic: &topic, Partition: int32(partition), Offset: offset}
	return producer.SendOffsetsToTransaction(ctx, []kafka.TopicPartition{place}, metadata)
}

func (r *rdkafka) end() {
	for _, producer := range r.producers {
		producer.Close()
	}
}
