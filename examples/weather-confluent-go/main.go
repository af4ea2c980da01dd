// Weather readings with confluent-kafka-go, which brings librdkafka: a topic per station, an
// idempotent producer, a consumer group that commits what it printed.
//
//	weather-confluent-go create  -topics EWR,JFK,LGA
//	weather-confluent-go produce -csv weather.csv
//	weather-confluent-go consume -topics EWR,JFK,LGA -group readers
//
// -prefix is put in front of every topic's name.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "weather-confluent-go:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("say what to do: create, produce or consume")
	}
	flags := flag.NewFlagSet(arguments[0], flag.ExitOnError)
	broker := flags.String("broker", "localhost:9092", "address of the broker")
	names := flags.String("topics", "EWR,JFK,LGA", "topics, with commas between them")
	prefix := flags.String("prefix", "", "what topics' names begin with")
	partitions := flags.Int("partitions", 3, "partitions of a new topic")
	csv := flags.String("csv", "weather.csv", "file of hourly observations")
	group := flags.String("group", "weather", "consumer group")
	count := flags.Int("count", 0, "records to read before stopping; 0 reads on")
	idle := flags.Duration("idle", 0, "stop when nothing came for so long; 0 waits for ever")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	var topics []string
	for _, name := range strings.Split(*names, ",") {
		topics = append(topics, *prefix+name)
	}
	switch arguments[0] {
	case "create":
		return create(*broker, topics, *partitions)
	case "produce":
		return produce(*broker, *csv, *prefix)
	case "consume":
		return consume(*broker, *group, topics, *count, *idle)
	}
	return fmt.Errorf("%q is none of create, produce, consume", arguments[0])
}

func create(broker string, topics []string, partitions int) error {
	admin, err := kafka.NewAdminClient(&kafka.ConfigMap{"bootstrap.servers": broker})
	if err != nil {
		return err
	}
	defer admin.Close()
	var wanted []kafka.TopicSpecification
	for _, topic := range topics {
		wanted = append(wanted, kafka.TopicSpecification{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	results, err := admin.CreateTopics(ctx, wanted)
	if err != nil {
		return err
	}
	for _, result := range results {
		if result.Error.Code() != kafka.ErrNoError {
			return result.Error
		}
	}
	return nil
}
