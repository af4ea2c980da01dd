// The Kafka modules of Testcontainers for Go start the image: they copy a starter into it, run Confluent's or
// Apache's script and wait for a line of the log.
package main

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	tckafka "github.com/testcontainers/testcontainers-go/modules/kafka"
)

func TestTheModuleStartsTheImage(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	container, err := tckafka.Run(ctx, "confluentinc/confluent-local:7.5.0", tckafka.WithClusterID("test-cluster"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = container.Terminate(context.Background()) }()
	brokers, err := container.Brokers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	writer := &kafka.Writer{Addr: kafka.TCP(brokers...), Topic: "London", AllowAutoTopicCreation: true, BatchTimeout: time.Millisecond}
	defer writer.Close()
	for {
		err = writer.WriteMessages(ctx, kafka.Message{Key: []byte("temperature"), Value: []byte("14.2")})
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers, Topic: "London", MaxWait: 100 * time.Millisecond})
	defer reader.Close()
	message, err := reader.ReadMessage(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if string(message.Key) != "temperature" || string(message.Value) != "14.2" {
		t.Fatalf("read %s=%s", message.Key, message.Value)
	}
}
