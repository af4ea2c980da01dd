// Weather readings with segmentio/kafka-go: a topic per place, keyed records, a consumer group.
//
//	weather-go create  -topics London
//	weather-go produce -topic London temperature=14.2 windspeed=11
//	weather-go produce -csv weather.csv
//	weather-go consume -topics London -group readers
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "weather-go:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("say what to do: create, produce or consume")
	}
	flags := flag.NewFlagSet(arguments[0], flag.ExitOnError)
	broker := flags.String("broker", "localhost:9092", "address of the broker")
	topics := flags.String("topics", "London", "topics, with commas between them")
	topic := flags.String("topic", "London", "topic to write to")
	partitions := flags.Int("partitions", 3, "partitions of a new topic")
	csv := flags.String("csv", "", "file of hourly observations, of which each station gets its topic")
	group := flags.String("group", "weather", "consumer group")
	count := flags.Int("count", 0, "records to read before stopping; 0 reads on")
	idle := flags.Duration("idle", 0, "stop when nothing came for so long; 0 waits for ever")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	switch arguments[0] {
	case "create":
		return create(*broker, strings.Split(*topics, ","), *partitions)
	case "produce":
		if *csv != "" {
			return produceObservations(ctx, *broker, *csv)
		}
		return produceReadings(ctx, *broker, *topic, flags.Args())
	case "consume":
		return consume(ctx, *broker, *group, strings.Split(*topics, ","), limits{*count, *idle})
	}
	return fmt.Errorf("%q is none of create, produce, consume", arguments[0])
}

// limits says when a consumer stops by itself.
type limits struct {
	count int
	idle  time.Duration
}
