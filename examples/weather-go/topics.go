package main

import (
	"net"
	"strconv"

	"github.com/segmentio/kafka-go"
)

// create makes the topics. Only the controller creates topics, so it is asked for first.
func create(broker string, topics []string, partitions int) error {
	conn, err := kafka.Dial("tcp", broker)
	if err != nil {
		return err
	}
	defer conn.Close()
	controller, err := conn.Controller()
	if err != nil {
		return err
	}
	address := net.JoinHostPort(controller.Host, strconv.Itoa(controller.Port))
	controllerConn, err := kafka.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer controllerConn.Close()
	var configs []kafka.TopicConfig
	for _, topic := range topics {
		configs = append(configs, kafka.TopicConfig{
			Topic:             topic,
			NumPartitions:     partitions,
			ReplicationFactor: 1,
		})
	}
	return controllerConn.CreateTopics(configs...)
}
