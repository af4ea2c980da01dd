package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// conn speaks the protocol without a client's retries, pauses and batches in between.
type conn struct {
	net.Conn
	next int32
	// The last answer; the next one takes its place.
	answer []byte
}

// frame is a request with its header.
func frame(request kmsg.Request, id int32) []byte {
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench"))
	return formatter.AppendRequest(nil, request, id)
}

func (c *conn) call(request kmsg.Request) (kmsg.Response, error) {
	c.next++
	body, err := c.exchange(frame(request, c.next))
	if err != nil {
		return nil, err
	}
	response := request.ResponseKind()
	body = body[4:]
	if request.IsFlexible() {
		body = body[1:]
	}
	return response, response.ReadFrom(body)
}

func (c *conn) exchange(frame []byte) ([]byte, error) {
	c.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := c.Write(frame); err != nil {
		return nil, err
	}
	var length [4]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(length[:]))
	if cap(c.answer) < size {
		c.answer = make([]byte, size)
	}
	body := c.answer[:size]
	_, err := io.ReadFull(c, body)
	return body, err
}

// batch is one record as a batch of magic 2.
func batch(value []byte) []byte {
	record := kmsg.Record{Value: value}
	record.Length = int32(len(record.AppendTo(nil)) - 1)
	records := record.AppendTo(nil)
	// The length is a varint: count again until it says its own size right.
	for {
		_, width := binary.Varint(records)
		if length := int32(len(records) - width); length != record.Length {
			record.Length = length
			records = record.AppendTo(nil)
			continue
		}
		break
	}
	now := time.Now().UnixMilli()
	whole := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1, Records: records,
	}
	whole.Length = int32(len(whole.AppendTo(nil)) - 12)
	bytes := whole.AppendTo(nil)
	crc := crc32.Checksum(bytes[21:], crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(bytes[17:], crc)
	return bytes
}

func produceRequest(topic string, partition int32, value []byte) *kmsg.ProduceRequest {
	request := kmsg.NewPtrProduceRequest()
	request.SetVersion(9)
	request.Acks = -1
	request.TimeoutMillis = 30_000
	onTopic := kmsg.NewProduceRequestTopic()
	onTopic.Topic = topic
	onPartition := kmsg.NewProduceRequestTopicPartition()
	onPartition.Partition = partition
	onPartition.Records = batch(value)
	onTopic.Partitions = append(onTopic.Partitions, onPartition)
	request.Topics = append(request.Topics, onTopic)
	return request
}

// firstAck says how long it takes from now until a record is acknowledged, trying all the while.
func firstAck(o options) (map[string]any, error) {
	begun := time.Now()
	created := !o.create
	var err error
	for time.Since(begun) < 2*time.Minute {
		err = tryFirstAck(o, &created)
		if err == nil {
			return map[string]any{"ms": float64(time.Since(begun).Microseconds()) / 1000}, nil
		}
		time.Sleep(time.Millisecond)
	}
	return nil, fmt.Errorf("no record was acknowledged: %w", err)
}

func tryFirstAck(o options, created *bool) error {
	socket, err := net.DialTimeout("tcp", o.broker, time.Second)
	if err != nil {
		return err
	}
	defer socket.Close()
	c := &conn{Conn: socket}
	if !*created {
		if err := createTopic(c, o); err != nil {
			return err
		}
		*created = true
	}
	if !o.create {
		return acknowledged(c, o.topic, 1)
	}
	// A topic that is new is waited for as a whole, so that what follows measures no elections.
	return acknowledged(c, o.topic, o.partitions)
}

// acknowledged returns once a record in each of the first partitions is.
func acknowledged(c *conn, topic string, partitions int) error {
	missing := make([]int32, partitions)
	for index := range missing {
		missing[index] = int32(index)
	}
	for range 100_000 {
		request := produceRequest(topic, missing[0], []byte("first"))
		for _, index := range missing[1:] {
			partition := kmsg.NewProduceRequestTopicPartition()
			partition.Partition, partition.Records = index, request.Topics[0].Partitions[0].Records
			request.Topics[0].Partitions = append(request.Topics[0].Partitions, partition)
		}
		response, err := c.call(request)
		if err != nil {
			return err
		}
		missing = missing[:0]
		for _, partition := range response.(*kmsg.ProduceResponse).Topics[0].Partitions {
			if partition.ErrorCode != 0 {
				missing = append(missing, partition.Partition)
			}
		}
		if len(missing) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%d partitions of %s have no leader", len(missing), topic)
}

func createTopic(c *conn, o options) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.SetVersion(5)
	request.TimeoutMillis = 30_000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = o.topic, int32(min(o.partitions, atOnce)), 1
	for _, config := range strings.FieldsFunc(o.configs, func(r rune) bool { return r == ',' }) {
		key, value, _ := strings.Cut(config, "=")
		of := kmsg.NewCreateTopicsRequestTopicConfig()
		of.Name, of.Value = key, &value
		topic.Configs = append(topic.Configs, of)
	}
	request.Topics = append(request.Topics, topic)
	response, err := c.call(request)
	if err != nil {
		return err
	}
	if code := response.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode; code != 0 && code != 36 {
		return fmt.Errorf("the topic was not created: error %d", code)
	}
	for count := 2 * atOnce; count < o.partitions+atOnce; count += atOnce {
		if err := addPartitions(c, o.topic, min(count, o.partitions)); err != nil {
			return err
		}
	}
	return nil
}

// atOnce is how many partitions a request makes: Kafka refuses to make 10,000.
const atOnce = 5000

func addPartitions(c *conn, name string, count int) error {
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.SetVersion(1)
	request.TimeoutMillis = 30_000
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = name, int32(count)
	request.Topics = append(request.Topics, topic)
	response, err := c.call(request)
	if err != nil {
		return err
	}
	// 37: it has as many already.
	if code := response.(*kmsg.CreatePartitionsResponse).Topics[0].ErrorCode; code != 0 && code != 37 {
		return fmt.Errorf("%s has not got its partitions: error %d", name, code)
	}
	return nil
}

// connections has many clients that each produce one small batch after the other.
func connections(o options) (map[string]any, error) {
	latencies, seconds, err := onEach(o, oneConnection)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(latencies...)
	report := percentiles(all)
	report["requests_per_s"] = float64(len(all)) / seconds
	return report, nil
}

// onEach runs the same for every connection at once, until its time is over; gives what each has found and the seconds that all took.
func onEach[T any](o options, run func(o options, index int, end time.Time) (T, error)) ([]T, float64, error) {
	var group sync.WaitGroup
	found := make([]T, o.connections)
	failures := make([]error, o.connections)
	begun := time.Now()
	end := begun.Add(time.Duration(o.seconds) * time.Second)
	for index := range o.connections {
		group.Add(1)
		go func() {
			defer group.Done()
			found[index], failures[index] = run(o, index, end)
		}()
	}
	group.Wait()
	return found, time.Since(begun).Seconds(), errors.Join(failures...)
}

func oneConnection(o options, index int, end time.Time) ([]time.Duration, error) {
	c, request, err := producing(o, index)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var latencies []time.Duration
	for time.Now().Before(end) {
		begun := time.Now()
		if _, err := c.exchange(request); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(begun))
	}
	return latencies, nil
}

// producing is a connection, and a request with one small batch that was acknowledged once.
func producing(o options, index int) (*conn, []byte, error) {
	socket, err := net.DialTimeout("tcp", o.broker, 10*time.Second)
	if err != nil {
		return nil, nil, err
	}
	c := &conn{Conn: socket}
	request := produceRequest(o.topic, int32(index%o.partitions), payload(o.size))
	response, err := c.call(request)
	if err == nil {
		if code := response.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode; code != 0 {
			err = fmt.Errorf("produce failed: error %d", code)
		}
	}
	if err != nil {
		socket.Close()
		return nil, nil, err
	}
	return c, frame(request, 1), nil
}
