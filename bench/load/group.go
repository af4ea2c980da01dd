package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// group has so many members of one classic group share a topic: how long until all have partitions, until the others have taken over
// what one that leaves had, and how many offset commits a second one connection gets answered.
func group(o options) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var assigned atomic.Int64
	changed := make(chan struct{}, 1)
	add := func(count int) {
		assigned.Add(int64(count))
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	count := func(parts map[string][]int32) (sum int) {
		for _, partitions := range parts {
			sum += len(partitions)
		}
		return sum
	}
	settled := func() error {
		for assigned.Load() != int64(o.partitions) {
			select {
			case <-changed:
			case <-ctx.Done():
				return fmt.Errorf("%d of %d partitions have a member", assigned.Load(), o.partitions)
			}
		}
		return nil
	}
	members := make([]*kgo.Client, o.connections)
	begun := time.Now()
	for index := range members {
		client, err := kgo.NewClient(kgo.SeedBrokers(o.broker), kgo.ConsumeTopics(o.topic), kgo.ConsumerGroup("bench-"+o.topic),
			kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.DisableAutoCommit(),
			kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) { add(count(parts)) }),
			kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) { add(-count(parts)) }),
			kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) { add(-count(parts)) }))
		if err != nil {
			return nil, err
		}
		defer client.Close()
		go func() {
			for !client.PollFetches(ctx).IsClientClosed() && ctx.Err() == nil {
			}
		}()
		members[index] = client
	}
	if err := settled(); err != nil {
		return nil, err
	}
	report := map[string]any{"join_ms": float64(time.Since(begun).Microseconds()) / 1000}
	begun = time.Now()
	members[0].Close()
	if err := settled(); err != nil {
		return nil, err
	}
	report["leave_ms"] = float64(time.Since(begun).Microseconds()) / 1000
	rate, err := commits(o)
	report["commits_per_s"] = rate
	return report, err
}

// commits is how many offset commits a second one connection gets answered, one after the other, of a group without members.
func commits(o options) (float64, error) {
	socket, err := net.DialTimeout("tcp", o.broker, 10*time.Second)
	if err != nil {
		return 0, err
	}
	defer socket.Close()
	c := &conn{Conn: socket}
	begun, done := time.Now(), 0
	for time.Since(begun) < time.Duration(o.seconds)*time.Second {
		request := kmsg.NewPtrOffsetCommitRequest()
		request.SetVersion(6)
		request.Group, request.Generation = "bench-commits", -1
		topic := kmsg.NewOffsetCommitRequestTopic()
		topic.Topic = o.topic
		partition := kmsg.NewOffsetCommitRequestTopicPartition()
		partition.Offset = int64(done)
		topic.Partitions = append(topic.Partitions, partition)
		request.Topics = append(request.Topics, topic)
		response, err := c.call(request)
		if err != nil {
			return 0, err
		}
		switch code := response.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode; code {
		case 0:
			done++
		case 14, 15, 16:
			// The coordinator is not there yet: the time begins when it is.
			if done > 0 {
				return 0, errors.New("the coordinator was lost")
			}
			begun = time.Now()
		default:
			return 0, fmt.Errorf("commit failed: error %d", code)
		}
	}
	return float64(done) / time.Since(begun).Seconds(), nil
}
