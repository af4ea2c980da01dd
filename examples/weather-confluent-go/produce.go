package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// reading is the value of a record; its key says what was read.
type reading struct {
	Time  string   `json:"time"`
	Value *float64 `json:"value"`
}

// produce writes two records per observation. The producer is idempotent: a broker that goes away
// and comes back has every record once and in order.
func produce(broker, path, prefix string) error {
	producer, err := kafka.NewProducer(&kafka.ConfigMap{
		"bootstrap.servers":  broker,
		"enable.idempotence": true,
		"linger.ms":          5,
	})
	if err != nil {
		return err
	}
	defer producer.Close()
	rows, err := readRows(path)
	if err != nil {
		return err
	}
	delivered := make(chan error)
	total := 2 * len(rows)
	go countDeliveries(producer, total, delivered)
	for _, row := range rows {
		for key, text := range map[string]string{"temperature": row["temp"], "windspeed": row["wind_speed"]} {
			if err := enqueue(producer, prefix+row["origin"], key, row["time_hour"], text); err != nil {
				return err
			}
		}
	}
	if err := <-delivered; err != nil {
		return err
	}
	fmt.Println("produced", total)
	return nil
}

func countDeliveries(producer *kafka.Producer, total int, delivered chan<- error) {
	for done := 0; done < total; {
		record, isRecord := (<-producer.Events()).(*kafka.Message)
		if !isRecord {
			continue // the client's own notices, such as a lost connection
		}
		if err := record.TopicPartition.Error; err != nil {
			delivered <- err
			return
		}
		done++
	}
	delivered <- nil
}

func enqueue(producer *kafka.Producer, topic, key, at, text string) error {
	value := reading{Time: at}
	if text != "NA" {
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		value.Value = &number
	}
	bytes, err := json.Marshal(value)
	if err != nil {
		return err
	}
	record := &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny},
		Key:            []byte(key),
		Value:          bytes,
	}
	for {
		err := producer.Produce(record, nil)
		if kafkaError, ok := err.(kafka.Error); ok && kafkaError.Code() == kafka.ErrQueueFull {
			producer.Flush(100)
			continue
		}
		return err
	}
}

func readRows(path string) ([]map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for index, name := range lines[0] {
			row[name] = line[index]
		}
		rows = append(rows, row)
	}
	return rows, nil
}
