package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Kafka Streams counts words with exactly_once_v2, in two processes: through a repartition topic, with stores that are
// restored from their changelogs after each kill.

const streamsPartitions = 3

func (p *part) wordCount(ctx context.Context) (string, error) {
	for _, topic := range []string{"lines", "counts"} {
		if err := p.createTopic(ctx, topic, streamsPartitions); err != nil {
			return "", err
		}
	}
	words, err := p.loadWords(ctx)
	if err != nil {
		return "", err
	}
	meanwhile, err := p.newReader("counts", streamsPartitions, "read_committed")
	if err != nil {
		return "", err
	}
	var apps []*process
	for number := range 2 {
		name := fmt.Sprintf("word-count-%d", number)
		app := p.client(name, p.javaCommand(p.java+":"+p.newestTools+"/*", "WordCount", p.broker.Address(), filepath.Join(p.directory, name)))
		if err := app.start(); err != nil {
			return "", err
		}
		apps = append(apps, app)
	}
	brokerKills := 0
	killBroker := func(ctx context.Context) error {
		brokerKills++
		return p.restartBroker(ctx, syscall.SIGKILL)
	}
	killApp := func(number int) func(context.Context) error {
		return func(context.Context) error { return apps[number].restart() }
	}
	failed := func() error {
		for _, app := range apps {
			if !app.isAlive() {
				return fmt.Errorf("an app ended by itself; see %s", app.log)
			}
		}
		return meanwhile.failed()
	}
	err = p.faults(ctx, meanwhile, p.records, p.options.kills, failed, killBroker, killApp(0), killBroker, killApp(1))
	if err != nil {
		return "", err
	}
	for _, app := range apps {
		// What it is still at gets committed.
		if err := app.stop(30 * time.Second); err != nil {
			return "", err
		}
	}
	ends, err := p.stableEnds(ctx, "counts", streamsPartitions)
	if err != nil {
		return "", err
	}
	read, err := meanwhile.finish(ctx, ends)
	if err == nil {
		err = countsAre(read, words)
	}
	if err != nil {
		return "", fmt.Errorf("the reader meanwhile: %w", err)
	}
	if read, err = p.readAll(ctx, "counts", streamsPartitions, "read_committed"); err == nil {
		err = countsAre(read, words)
	}
	if err != nil {
		return "", fmt.Errorf("the reader after it: %w", err)
	}
	return fmt.Sprintf("%d words, %d different ones, counted once each: each count from 1 on once and in order; SIGKILL of apps %d, of the broker %d",
		p.records, len(words), apps[0].kills+apps[1].kills, brokerKills), nil
}

// loadWords writes lines of five words, and gives how often each word is in them.
func (p *part) loadWords(ctx context.Context) (map[string]int, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(p.broker.Address()), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	words := map[string]int{}
	var records []*kgo.Record
	for left := p.records; left > 0; left -= 5 {
		var line []string
		for range min(left, 5) {
			// Some words are frequent, most are rare.
			word := fmt.Sprintf("w%d", p.random.IntN(1+p.random.IntN(1000)))
			words[word]++
			line = append(line, word)
		}
		records = append(records, &kgo.Record{Topic: "lines", Value: []byte(strings.Join(line, " "))})
	}
	return words, client.ProduceSync(ctx, records...).FirstErr()
}

// countsAre holds what was counted against the words.
func countsAre(read [][]entry, words map[string]int) error {
	counts := map[string]int{}
	places := map[string]int{}
	for partition, entries := range read {
		for _, one := range entries {
			if place, is := places[one.key]; is && place != partition {
				return fmt.Errorf("%s is in two partitions", one.key)
			}
			places[one.key] = partition
			counts[one.key]++
			if one.value != strconv.Itoa(counts[one.key]) {
				return fmt.Errorf("count %d of %s is %s", counts[one.key], one.key, one.value)
			}
		}
	}
	for word, count := range words {
		if counts[word] != count {
			return fmt.Errorf("%s was counted %d times and is there %d times", word, counts[word], count)
		}
	}
	if len(counts) > len(words) {
		return errors.New("words were counted that are not there")
	}
	return nil
}
