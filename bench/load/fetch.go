package main

import (
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetches asks one partition again and again for its one batch, one request after the other.
func fetches(o options) (map[string]any, error) {
	socket, err := net.DialTimeout("tcp", o.broker, 10*time.Second)
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	c := &conn{Conn: socket}
	if _, err := c.call(produceRequest(o.topic, 0, payload(o.size))); err != nil {
		return nil, err
	}
	request := fetchRequest(o.topic, []int64{0})
	response, err := c.call(request)
	if err != nil {
		return nil, err
	}
	answered := response.(*kmsg.FetchResponse).Topics[0].Partitions[0]
	if answered.ErrorCode != 0 || len(answered.RecordBatches) < o.size {
		return nil, fmt.Errorf("fetch failed: error %d, %d bytes", answered.ErrorCode, len(answered.RecordBatches))
	}
	bytes := frame(request, 1)
	var took []time.Duration
	for begun := time.Now(); time.Since(begun) < time.Duration(o.seconds)*time.Second; {
		asked := time.Now()
		if _, err := c.exchange(bytes); err != nil {
			return nil, err
		}
		took = append(took, time.Since(asked))
	}
	return percentiles(took), nil
}

func fetchRequest(topic string, offsets []int64) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.SetVersion(11)
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes = 100, 1, 16<<20
	request.SessionEpoch = -1
	of := kmsg.NewFetchRequestTopic()
	of.Topic = topic
	// The first partitions are served first: begin with another one each time.
	shift := int(time.Now().UnixNano() % int64(len(offsets)))
	for index := range offsets {
		partition := kmsg.NewFetchRequestTopicPartition()
		partition.Partition = int32((index + shift) % len(offsets))
		partition.FetchOffset, partition.PartitionMaxBytes = offsets[partition.Partition], 4<<20
		of.Partitions = append(of.Partitions, partition)
	}
	request.Topics = append(request.Topics, of)
	return request
}
