package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// reader is a consumer that tells where it is.
type reader struct {
	*kafka.Consumer
	*process
	group, isolation string
	// Whether its group gives it partitions; what it has otherwise.
	subscribed bool
	assigned   []kafka.TopicPartition
	// Partitions that came or went since this was last told.
	rebalanced []string
}

func (c *client) newReader(p *process, group, isolation string) *reader {
	return &reader{Consumer: c.newConsumer(group, isolation), process: p, group: group, isolation: isolation}
}

func (r *reader) more() fields { return fields{"group": r.group, "isolation": r.isolation} }

// starts takes all partitions that see transactions, from their beginnings.
func (r *reader) starts(ctx context.Context) bool {
	topic := "txn"
	for partition := range partitions[topic] {
		r.assigned = append(r.assigned, kafka.TopicPartition{Topic: &topic, Partition: partition})
	}
	return r.rewinds(ctx)
}

// subscribes lets the group give it partitions.
func (r *reader) subscribes(topic string) {
	r.subscribed = true
	r.once("subscribe", nil, r.more())
	err := r.SubscribeTopics([]string{topic}, func(_ *kafka.Consumer, event kafka.Event) error {
		switch event := event.(type) {
		case kafka.AssignedPartitions:
			r.rebalanced = append(r.rebalanced, names(event.Partitions)...)
		case kafka.RevokedPartitions:
			r.rebalanced = append(r.rebalanced, names(event.Partitions)...)
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
}

// rewinds goes to what is committed; it says whether it got there.
func (r *reader) rewinds(ctx context.Context) bool {
	for ctx.Err() == nil {
		places := r.assigned
		if r.subscribed {
			places, _ = r.Assignment()
			if len(places) == 0 {
				return true
			}
		}
		r.begins("committed", nil, r.more())
		offsets, err := r.Committed(places, 5000)
		if err == nil {
			err = partitionError(offsets)
		}
		if err != nil {
			r.ends("info", nil, err)
			pause(ctx, 100*time.Millisecond)
			continue
		}
		r.ends("ok", []any{[]any{"offsets", committedOffsets(offsets)}}, nil)
		for index := range offsets {
			offsets[index].Offset = max(0, offsets[index].Offset)
		}
		return r.goes(offsets)
	}
	return false
}

func (r *reader) goes(offsets []kafka.TopicPartition) bool {
	steps := []any{[]any{"offsets", committedOffsets(offsets)}}
	if !r.subscribed {
		if err := r.Assign(offsets); err != nil {
			panic(err)
		}
		r.once("assign", steps, r.more())
		return true
	}
	// A partition that went meanwhile is none to seek in.
	moved, err := r.SeekPartitions(offsets)
	if err == nil {
		err = partitionError(moved)
	}
	if err == nil {
		r.once("seek", steps, r.more())
	}
	return true
}

// poll takes what comes within a time; with most it ends sooner.
func (r *reader) poll(wait time.Duration, most int) polled {
	records := polled{}
	for end := time.Now().Add(wait); most > 0; {
		left := time.Until(end)
		if left <= 0 {
			break
		}
		if message, is := r.Poll(int(left.Milliseconds()) + 1).(*kafka.Message); is && message.TopicPartition.Error == nil {
			at := message.TopicPartition
			records.add(*at.Topic, at.Partition, int64(at.Offset), message.Value)
			most--
			// The rest of what is there already, and nothing that has to be waited for.
			end = time.Now().Add(2 * time.Millisecond)
		}
	}
	return records
}

// polls is a poll that is told as such.
func (r *reader) polls(wait time.Duration, most int) polled {
	more := r.more()
	r.begins("poll", nil, more)
	records := r.poll(wait, most)
	if len(r.rebalanced) > 0 {
		more["rebalanced"] = r.rebalanced
	}
	r.ends("ok", []any{[]any{"poll", records}}, nil)
	if len(r.rebalanced) > 0 {
		r.rebalanced = nil
		owned, _ := r.Assignment()
		r.once("rebalance", []any{[]any{"keys", append([]string{}, names(owned)...)}}, r.more())
	}
	return records
}

// ends are the offsets behind what was polled.
func ends(records polled) map[string]int64 {
	offsets := map[string]int64{}
	for key, of := range records {
		offsets[key] = of[len(of)-1][0].(int64) + 1
	}
	return offsets
}

func (r *reader) commits(offsets map[string]int64) {
	r.begins("commit", []any{[]any{"offsets", offsets}}, r.more())
	done, err := r.CommitOffsets(topicPartitions(offsets))
	if err == nil {
		err = partitionError(done)
	}
	if err != nil {
		// It may have been done before the answer was lost and the next try refused.
		r.ends("info", nil, err)
	} else {
		r.ends("ok", nil, nil)
	}
}

// consumer reads what it takes for itself, and commits now and then.
func (c *client) consumer(ctx context.Context, p *process, r *rand.Rand, isolation string) {
	reader := c.newReader(p, fmt.Sprintf("alone-%d", p.number), isolation)
	defer reader.Close()
	if !reader.starts(ctx) {
		return
	}
	for ctx.Err() == nil {
		records := reader.polls(200*time.Millisecond, 50)
		if len(records) > 0 && r.IntN(4) == 0 {
			reader.commits(ends(records))
		}
		if r.IntN(100) == 0 {
			reader.rewinds(ctx)
		}
	}
}

// member is one of a group that reads topics without transactions.
func (c *client) member(ctx context.Context, p *process, r *rand.Rand) {
	for ctx.Err() == nil {
		reader := c.newReader(p, "members", "read_uncommitted")
		reader.subscribes("plain")
		// Now and then it leaves and comes back.
		for left := time.Duration(5+r.IntN(15)) * time.Second; left > 0 && ctx.Err() == nil; {
			began := time.Now()
			if records := reader.polls(200*time.Millisecond, 50); len(records) > 0 {
				reader.commits(ends(records))
			}
			left -= time.Since(began)
		}
		reader.Close()
	}
}

func names(places []kafka.TopicPartition) []string {
	var names []string
	for _, place := range places {
		names = append(names, name(*place.Topic, place.Partition))
	}
	return names
}

func topicPartitions(offsets map[string]int64) []kafka.TopicPartition {
	var places []kafka.TopicPartition
	for key, offset := range offsets {
		at := strings.LastIndex(key, "-")
		topic := key[:at]
		partition, err := strconv.Atoi(key[at+1:])
		if err != nil {
			panic(err)
		}
		places = append(places, kafka.TopicPartition{Topic: &topic, Partition: int32(partition), Offset: kafka.Offset(offset)})
	}
	return places
}

// committedOffsets are offsets by partition; none is nothing.
func committedOffsets(places []kafka.TopicPartition) map[string]any {
	offsets := map[string]any{}
	for _, place := range places {
		key := name(*place.Topic, place.Partition)
		offsets[key] = nil
		if place.Offset >= 0 {
			offsets[key] = int64(place.Offset)
		}
	}
	return offsets
}

func partitionError(places []kafka.TopicPartition) error {
	for _, place := range places {
		if place.Error != nil {
			return place.Error
		}
	}
	return nil
}
