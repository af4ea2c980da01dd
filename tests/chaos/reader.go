package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// topic is what is created for the run.
type topic struct {
	name       string
	partitions int32
	configs    map[string]string
}

func text(of string) *string { return &of }

func createTopics(ctx context.Context, address string, topics []topic) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer client.Close()
	for _, t := range topics {
		configs := map[string]*string{}
		for key, value := range t.configs {
			configs[key] = text(value)
		}
		if _, err := kadm.NewClient(client).CreateTopic(ctx, t.partitions, 1, configs, t.name); err != nil {
			return fmt.Errorf("creating %s: %w", t.name, err)
		}
	}
	return nil
}

// examine reads what is new in every log, and a little of the old, and holds it against what was known at the mark.
// It asks a broker that was just started, with a client that knows nothing of the one before.
func (h *history) examine(ctx context.Context, address string, m mark, whole bool) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(address), kgo.RetryBackoffFn(func(int) time.Duration { return 10 * time.Millisecond }),
		kgo.MetadataMinAge(10*time.Millisecond), kgo.AlwaysRetryEOF())
	if err != nil {
		return err
	}
	defer client.Close()
	ends, err := h.logEnds(ctx, kadm.NewClient(client))
	if err != nil {
		return err
	}
	if err := h.readUpTo(ctx, address, ends, whole); err != nil {
		return err
	}
	for at, end := range ends {
		h.settle(at, end, m)
	}
	for group := range h.groups {
		if err := h.fetchCommitted(ctx, kadm.NewClient(client), group, m); err != nil {
			return err
		}
	}
	return h.verdictOfRound()
}

func (h *history) topicNames() []string {
	var names []string
	for _, p := range h.places {
		if len(names) == 0 || names[len(names)-1] != p.topic {
			names = append(names, p.topic)
		}
	}
	return names
}

func (h *history) logEnds(ctx context.Context, admin *kadm.Client) ([]int64, error) {
	listed, err := admin.ListEndOffsets(ctx, h.topicNames()...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking where the logs end: %w", err)
	}
	ends := make([]int64, len(h.places))
	for at, p := range h.places {
		found, there := listed.Lookup(p.topic, p.partition)
		if !there {
			return nil, fmt.Errorf("%s is not there any more", p)
		}
		ends[at] = found.Offset
	}
	return ends, nil
}

// readUpTo reads all logs up to their ends, from the beginning or from where enough is known.
func (h *history) readUpTo(ctx context.Context, address string, ends []int64, whole bool) error {
	indexes := map[place]int{}
	from := map[string]map[int32]kgo.Offset{}
	missing := 0
	for at, p := range h.places {
		indexes[p] = at
		begin := h.ends(at, ends[at])
		if whole {
			begin = 0
		}
		if begin >= ends[at] {
			continue
		}
		missing++
		if from[p.topic] == nil {
			from[p.topic] = map[int32]kgo.Offset{}
		}
		from[p.topic][p.partition] = kgo.NewOffset().At(begin)
	}
	if err := h.verdict(); err != nil || missing == 0 {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(address), kgo.ConsumePartitions(from), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxWait(50*time.Millisecond), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	for missing > 0 {
		soon, cancel := context.WithTimeout(ctx, 15*time.Second)
		fetches := client.PollFetches(soon)
		late := soon.Err() != nil && ctx.Err() == nil
		cancel()
		if late {
			return h.stuck(ends)
		}
		if failed := fetches.Errors(); len(failed) > 0 {
			return fmt.Errorf("reading %s-%d back, with %d partitions to go: %w", failed[0].Topic, failed[0].Partition, missing, failed[0].Err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			at := indexes[place{record.Topic, record.Partition}]
			if record.Offset >= ends[at] {
				return
			}
			h.read(at, record.Offset, record.Value)
			if record.Offset == ends[at]-1 {
				missing--
				client.PauseFetchPartitions(map[string][]int32{record.Topic: {record.Partition}})
			}
		})
		if err := h.verdict(); err != nil {
			return err
		}
	}
	return nil
}

// stuck is the verdict on a log that says it ends further on than it can be read.
func (h *history) stuck(ends []int64) error {
	h.mu.Lock()
	for at, end := range ends {
		if known := int64(len(h.logs[at].records)); known < end {
			h.breaks(ruleGap, "%s: the log ends at %d, but nothing comes from offset %d on", h.places[at], end, known)
		}
	}
	h.mu.Unlock()
	if err := h.verdict(); err != nil {
		return err
	}
	return errors.New("reading the logs back takes longer than 15 s")
}

func (h *history) fetchCommitted(ctx context.Context, admin *kadm.Client, group int, m mark) error {
	committed, err := admin.FetchOffsets(ctx, h.groups[group])
	if err == nil {
		err = committed.Error()
	}
	if err != nil {
		return fmt.Errorf("asking for the offsets of group %s: %w", h.groups[group], err)
	}
	for at, p := range h.places {
		offset := int64(0)
		if found, there := committed.Lookup(p.topic, p.partition); there && found.At >= 0 {
			offset = found.At
		}
		h.fetched(group, at, offset, m)
	}
	return nil
}
