package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What is asked from outside of the clients, with a third library: the ends of partitions while everything goes on, and
// everything there is when it is over.

func (d *driver) newAdmin(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(d.broker.Address()), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
		kgo.MetadataMinAge(50 * time.Millisecond), kgo.AlwaysRetryEOF(), kgo.RequireStableFetchOffsets(),
	}, options...)...)
}

func (d *driver) createTopics(ctx context.Context) error {
	client, err := d.newAdmin()
	if err != nil {
		return err
	}
	defer client.Close()
	configs := map[string]*string{"segment.bytes": kadm.StringPtr("1048576")}
	for topic, count := range partitions {
		_, err := kadm.NewClient(client).CreateTopic(ctx, count, 1, configs, topic)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("creating %s: %w", topic, err)
		}
	}
	return nil
}

// logs are the ends of all partitions: the last stable offsets are asked for first.
func logs(ctx context.Context, admin *kadm.Client) (map[string]fields, error) {
	var topics []string
	for topic := range partitions {
		topics = append(topics, topic)
	}
	stable, err := admin.ListCommittedOffsets(ctx, topics...)
	if err == nil {
		err = stable.Error()
	}
	if err != nil {
		return nil, err
	}
	high, err := admin.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = high.Error()
	}
	if err != nil {
		return nil, err
	}
	ends := map[string]fields{}
	stable.Each(func(at kadm.ListedOffset) {
		end, _ := high.Lookup(at.Topic, at.Partition)
		ends[name(at.Topic, at.Partition)] = fields{"lso": at.Offset, "hw": end.Offset}
	})
	return ends, nil
}

// watch asks for the ends of all partitions, again and again.
func (d *driver) watch(ctx context.Context, p *process) error {
	client, err := d.newAdmin()
	if err != nil {
		return err
	}
	defer client.Close()
	for ctx.Err() == nil {
		if _, err := d.look(ctx, p, kadm.NewClient(client)); err != nil {
			pause(ctx, 100*time.Millisecond)
		}
		pause(ctx, 150*time.Millisecond)
	}
	return nil
}

func (d *driver) look(ctx context.Context, p *process, admin *kadm.Client) (map[string]fields, error) {
	p.begins("list_offsets", nil, nil)
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ends, err := logs(limited, admin)
	if err != nil {
		p.ends("info", nil, err)
		return nil, err
	}
	p.ends("ok", []any{[]any{"logs", ends}}, nil)
	return ends, nil
}

// settle waits until no transaction is open any more. The checker judges what does not come to that.
func (d *driver) settle(ctx context.Context, p *process) error {
	client, err := d.newAdmin()
	if err != nil {
		return err
	}
	defer client.Close()
	for begun := time.Now(); time.Since(begun) < stableLimit+10*time.Second; pause(ctx, 250*time.Millisecond) {
		ends, err := d.look(ctx, p, kadm.NewClient(client))
		if err != nil {
			continue
		}
		settled := true
		for _, end := range ends {
			settled = settled && end["lso"] == end["hw"]
		}
		if settled {
			return nil
		}
	}
	fmt.Println("transactions stay open")
	return nil
}

// readAll reads every partition from its start to its end, and asks what every group has committed.
func (d *driver) readAll(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for isolation, level := range map[string]kgo.IsolationLevel{
		"read_committed": kgo.ReadCommitted(), "read_uncommitted": kgo.ReadUncommitted(),
	} {
		if err := d.readLogs(ctx, p, isolation, level); err != nil {
			return fmt.Errorf("reading everything (%s): %w", isolation, err)
		}
	}
	client, err := d.newAdmin()
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	groups, err := admin.ListGroups(ctx)
	if err != nil {
		return err
	}
	for _, group := range groups.Groups() {
		p.begins("committed", nil, fields{"group": group})
		offsets, err := stableOffsets(ctx, admin, group)
		if err != nil {
			return fmt.Errorf("the offsets of %s: %w", group, err)
		}
		committed := fields{}
		offsets.Each(func(at kadm.OffsetResponse) { committed[name(at.Topic, at.Partition)] = at.At })
		for partition := range partitions["in"] {
			// An answer leaves out what it has no offset for: of the copies that is all the same an answer.
			if key := name("in", partition); group == "copier" && committed[key] == nil {
				committed[key] = nil
			}
		}
		p.ends("ok", []any{[]any{"offsets", committed}}, nil)
	}
	return nil
}

// stableOffsets waits for the end of every transaction that has offsets of the group, with records or without.
func stableOffsets(ctx context.Context, admin *kadm.Client, group string) (kadm.OffsetResponses, error) {
	for {
		offsets, err := admin.FetchOffsets(kadm.RequireStable(ctx), group)
		if err == nil {
			err = offsets.Error()
		}
		if !errors.Is(err, kerr.UnstableOffsetCommit) || ctx.Err() != nil {
			return offsets, err
		}
		pause(ctx, 100*time.Millisecond)
	}
}

func (d *driver) readLogs(ctx context.Context, p *process, isolation string, level kgo.IsolationLevel) error {
	starts := map[string]map[int32]kgo.Offset{}
	for topic, count := range partitions {
		starts[topic] = map[int32]kgo.Offset{}
		for partition := range count {
			starts[topic][partition] = kgo.NewOffset().At(0)
		}
	}
	// Markers tell how far it is where no record is left behind the last one.
	client, err := d.newAdmin(kgo.ConsumePartitions(starts), kgo.FetchIsolationLevel(level), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer client.Close()
	p.begins("read", nil, fields{"isolation": isolation})
	ends, err := logs(ctx, kadm.NewClient(client))
	if err != nil {
		return err
	}
	records, at := polled{}, map[string]int64{}
	which := "hw"
	if isolation == "read_committed" {
		which = "lso"
	}
	behind := func() string {
		for key, end := range ends {
			if end[which].(int64) > at[key] {
				return fmt.Sprintf("%s is read up to %d of %d", key, at[key], end[which])
			}
		}
		return ""
	}
	for progressed := time.Now(); behind() != ""; {
		limited, cancel := context.WithTimeout(ctx, time.Second)
		fetches := client.PollFetches(limited)
		cancel()
		fetches.EachRecord(func(record *kgo.Record) {
			key := name(record.Topic, record.Partition)
			if record.Offset >= ends[key]["hw"].(int64) {
				return
			}
			at[key] = record.Offset + 1
			progressed = time.Now()
			if !record.Attrs.IsControl() {
				records.add(record.Topic, record.Partition, record.Offset, record.Value)
			}
		})
		if time.Since(progressed) > 20*time.Second {
			// Where a transaction is open still, the last records below it may be aborted ones; else the checker finds what is missing.
			fmt.Printf("%s, and no further\n", behind())
			break
		}
	}
	for _, end := range ends {
		end["start"] = int64(0)
	}
	p.ends("ok", []any{[]any{"poll", records}, []any{"logs", ends}}, nil)
	return nil
}
