package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// reading is the value of a record; its key says what was read.
type reading struct {
	Time  string   `json:"time"`
	Value *float64 `json:"value"`
}

func newWriter(broker string) *kafka.Writer {
	return &kafka.Writer{
		Addr:         kafka.TCP(broker),
		Balancer:     &kafka.Hash{}, // one key, one partition: its records stay in order
		RequiredAcks: kafka.RequireAll,
		BatchSize:    1000,
		BatchTimeout: 5 * time.Millisecond, // the default of a second is for those who write without pause
	}
}

// produceReadings writes arguments such as temperature=14.2, read now.
func produceReadings(ctx context.Context, broker, topic string, arguments []string) error {
	writer := newWriter(broker)
	defer writer.Close()
	now := time.Now().UTC().Format(time.RFC3339)
	var records []kafka.Message
	for _, argument := range arguments {
		key, text, found := strings.Cut(argument, "=")
		if !found {
			return fmt.Errorf("%q is not of the form key=value", argument)
		}
		record, err := newRecord(topic, key, now, text)
		if err != nil {
			return err
		}
		records = append(records, record)
	}
	return writer.WriteMessages(ctx, records...)
}

// produceObservations writes two records per observation, keyed temperature and windspeed, to the
// topic of the station that observed.
func produceObservations(ctx context.Context, broker, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return err
	}
	column := map[string]int{}
	for index, name := range rows[0] {
		column[name] = index
	}
	var records []kafka.Message
	for _, row := range rows[1:] {
		station, at := row[column["origin"]], row[column["time_hour"]]
		for key, name := range map[string]string{"temperature": "temp", "windspeed": "wind_speed"} {
			record, err := newRecord(station, key, at, row[column[name]])
			if err != nil {
				return err
			}
			records = append(records, record)
		}
	}
	writer := newWriter(broker)
	defer writer.Close()
	const chunk = 2000
	for from := 0; from < len(records); from += chunk {
		to := min(from+chunk, len(records))
		if err := writer.WriteMessages(ctx, records[from:to]...); err != nil {
			return err
		}
	}
	fmt.Println("produced", len(records))
	return nil
}

// newRecord reads the number in text; NA is a reading that was not taken.
func newRecord(topic, key, at, text string) (kafka.Message, error) {
	value := reading{Time: at}
	if text != "NA" {
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return kafka.Message{}, err
		}
		value.Value = &number
	}
	bytes, err := json.Marshal(value)
	return kafka.Message{Topic: topic, Key: []byte(key), Value: bytes}, err
}
