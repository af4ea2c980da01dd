package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// drain fetches all partitions from their beginning and throws the bytes away: a consumer that costs next to nothing,
// so that what is seen is the broker. It ends after so many records, or with the time where none are asked for.
func drain(o options) (map[string]any, error) {
	socket, err := net.DialTimeout("tcp", o.broker, 10*time.Second)
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	c := &conn{Conn: socket}
	offsets := make([]int64, o.partitions)
	begun := time.Now()
	end := begun.Add(time.Duration(o.seconds) * time.Second)
	var records, bytes int64
	for records < o.records || (o.records == 0 && time.Now().Before(end)) {
		response, err := c.call(fetchRequest(o.topic, offsets))
		if err != nil {
			return nil, err
		}
		for _, topic := range response.(*kmsg.FetchResponse).Topics {
			for _, partition := range topic.Partitions {
				switch partition.ErrorCode {
				case 0:
				case 3, 5, 6:
					// The topic is so new that its partition has no leader yet.
					continue
				default:
					return nil, fmt.Errorf("fetch failed: error %d", partition.ErrorCode)
				}
				next := max(offsets[partition.Partition], nextOffset(partition.RecordBatches))
				records += next - offsets[partition.Partition]
				bytes += int64(len(partition.RecordBatches))
				offsets[partition.Partition] = next
			}
		}
	}
	seconds := time.Since(begun).Seconds()
	return map[string]any{
		"records": records, "gb": float64(bytes) / 1e9, "seconds": seconds, "mb_per_s": float64(bytes) / 1e6 / seconds,
	}, nil
}

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

// nextOffset is the offset after the last whole batch, or 0 where there is none.
func nextOffset(batches []byte) int64 {
	next := int64(0)
	for len(batches) >= 61 {
		size := 12 + int(int32(binary.BigEndian.Uint32(batches[8:])))
		if size < 61 || len(batches) < size {
			break
		}
		next = int64(binary.BigEndian.Uint64(batches)) + int64(int32(binary.BigEndian.Uint32(batches[23:]))) + 1
		batches = batches[size:]
	}
	return next
}
