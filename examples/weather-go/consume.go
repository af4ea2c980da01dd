package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/segmentio/kafka-go"
)

// line is how a record is printed.
type line struct {
	Topic     string          `json:"topic"`
	Partition int             `json:"partition"`
	Offset    int64           `json:"offset"`
	Key       string          `json:"key"`
	Reading   json.RawMessage `json:"reading"`
}

// consume reads the topics as a member of the group and prints a line of JSON per record. What was
// printed is committed, so the next member of the group goes on behind it.
func consume(ctx context.Context, broker, group string, topics []string, stop limits) error {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers:     []string{broker},
		GroupID:     group,
		GroupTopics: topics,
		StartOffset: kafka.FirstOffset,
		MaxWait:     200 * time.Millisecond,
	})
	defer reader.Close()
	output := json.NewEncoder(os.Stdout)
	const commitEvery = 500
	var printed []kafka.Message
	commit := func() error {
		err := reader.CommitMessages(context.Background(), printed...)
		printed = printed[:0]
		return err
	}
	for total := 0; stop.count == 0 || total < stop.count; total++ {
		record, err := fetch(ctx, reader, stop.idle)
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			break
		}
		if err != nil {
			return err
		}
		err = output.Encode(line{record.Topic, record.Partition, record.Offset, string(record.Key), record.Value})
		if err != nil {
			return err
		}
		printed = append(printed, record)
		if len(printed) == commitEvery {
			if err := commit(); err != nil {
				return err
			}
		}
	}
	return commit()
}

func fetch(ctx context.Context, reader *kafka.Reader, idle time.Duration) (kafka.Message, error) {
	if idle > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, idle)
		defer cancel()
	}
	return reader.FetchMessage(ctx)
}
