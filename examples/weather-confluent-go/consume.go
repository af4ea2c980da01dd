package main

import (
	"encoding/json"
	"os"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// line is how a record is printed.
type line struct {
	Topic     string          `json:"topic"`
	Partition int32           `json:"partition"`
	Offset    int64           `json:"offset"`
	Key       string          `json:"key"`
	Reading   json.RawMessage `json:"reading"`
}

// consume prints a line of JSON per record and commits what it printed.
func consume(broker, group string, topics []string, count int, idle time.Duration) error {
	consumer, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers":        broker,
		"group.id":                 group,
		"auto.offset.reset":        "earliest",
		"enable.auto.commit":       true,
		"auto.commit.interval.ms":  200,
		"enable.auto.offset.store": false,
	})
	if err != nil {
		return err
	}
	defer consumer.Close()
	if err := consumer.SubscribeTopics(topics, nil); err != nil {
		return err
	}
	output := json.NewEncoder(os.Stdout)
	last := time.Now()
	for total := 0; count == 0 || total < count; {
		record, isRecord := consumer.Poll(100).(*kafka.Message)
		if !isRecord || record.TopicPartition.Error != nil {
			if idle > 0 && time.Since(last) > idle {
				break
			}
			continue
		}
		last = time.Now()
		at := record.TopicPartition
		if err := output.Encode(line{*at.Topic, at.Partition, int64(at.Offset), string(record.Key), record.Value}); err != nil {
			return err
		}
		if _, err := consumer.StoreMessage(record); err != nil {
			return err
		}
		total++
	}
	return nil // closing commits what is stored
}
