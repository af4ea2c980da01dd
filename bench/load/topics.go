package main

import (
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// topics creates and deletes many topics of one partition, one by one and in one request, and says how many a second. A topic counts
// when its first record is acknowledged, since a broker may answer before it can serve.
func topics(o options) (map[string]any, error) {
	socket, err := net.DialTimeout("tcp", o.broker, 10*time.Second)
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	c := &conn{Conn: socket}
	names := func(prefix string) []string {
		all := make([]string, o.records)
		for index := range all {
			all[index] = fmt.Sprintf("%s-%s-%d", o.topic, prefix, index)
		}
		return all
	}
	report := map[string]any{}
	measure := func(name string, do func() error) error {
		begun := time.Now()
		if err := do(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		report[name] = float64(o.records) / time.Since(begun).Seconds()
		return nil
	}
	one, all := names("one"), names("all")
	steps := []struct {
		name string
		do   func() error
	}{
		{"create_one_by_one_per_s", func() error {
			for _, name := range one {
				if err := createTopics(c, []string{name}); err != nil {
					return err
				}
				if err := acknowledged(c, name, 1); err != nil {
					return err
				}
			}
			return nil
		}},
		{"create_in_one_per_s", func() error {
			if err := createTopics(c, all); err != nil {
				return err
			}
			for _, name := range all {
				if err := acknowledged(c, name, 1); err != nil {
					return err
				}
			}
			return nil
		}},
		{"delete_one_by_one_per_s", func() error {
			for _, name := range one {
				if err := deleteTopics(c, []string{name}); err != nil {
					return err
				}
			}
			return nil
		}},
		{"delete_in_one_per_s", func() error { return deleteTopics(c, all) }},
	}
	for _, step := range steps {
		if err := measure(step.name, step.do); err != nil {
			return nil, err
		}
	}
	return report, nil
}

func createTopics(c *conn, names []string) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.SetVersion(5)
	request.TimeoutMillis = 60_000
	for _, name := range names {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
		request.Topics = append(request.Topics, topic)
	}
	response, err := c.call(request)
	if err != nil {
		return err
	}
	for _, topic := range response.(*kmsg.CreateTopicsResponse).Topics {
		if topic.ErrorCode != 0 {
			return fmt.Errorf("%s was not created: error %d", topic.Topic, topic.ErrorCode)
		}
	}
	return nil
}

func deleteTopics(c *conn, names []string) error {
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.SetVersion(5)
	request.TimeoutMillis = 60_000
	request.TopicNames = names
	response, err := c.call(request)
	if err != nil {
		return err
	}
	for _, topic := range response.(*kmsg.DeleteTopicsResponse).Topics {
		if topic.ErrorCode != 0 {
			return fmt.Errorf("a topic was not deleted: error %d", topic.ErrorCode)
		}
	}
	return nil
}
