package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Kafka's own system test of transactions: its TransactionalMessageCopier copies a topic in transactions, of which some are aborted
// at random.

const (
	copierPartitions = 2
	transactionSize  = 750
)

// copiers are two copiers, of one partition each, one of Kafka 2.8 and one of today.
func (p *part) copiers(ctx context.Context) (string, error) {
	killed, err := p.copy(ctx, "killed", (*copying).restartOne, (*copying).killBroker)
	if err != nil {
		return "", fmt.Errorf("copiers and broker killed: %w", err)
	}
	bounced, err := p.copy(ctx, "bounced", (*copying).killBroker, (*copying).stopBroker)
	if err != nil {
		return "", fmt.Errorf("broker killed and stopped: %w", err)
	}
	return fmt.Sprintf("%d records twice, %s, then %s", p.records, killed, bounced), nil
}

// groupOfCopiers are two copiers in a group, which take partitions from each other.
func (p *part) groupOfCopiers(ctx context.Context) (string, error) {
	told, err := p.copy(ctx, "grouped", (*copying).restartOne, (*copying).killBroker, (*copying).stopOne)
	return fmt.Sprintf("%d records, %s", p.records, told), err
}

// copying is a topic that is being copied to another one.
type copying struct {
	*part
	copiers []*process
	// Whose turn it is, and what was done.
	turn, stopped, brokerKilled, brokerStopped int
}

// copy copies everything while these faults happen in turn.
func (p *part) copy(ctx context.Context, name string, faults ...func(*copying, context.Context) error) (string, error) {
	from, to := "from-"+name, "to-"+name
	for _, topic := range []string{from, to} {
		if err := p.createTopic(ctx, topic, copierPartitions); err != nil {
			return "", err
		}
	}
	input, err := p.loadInput(ctx, from)
	if err != nil {
		return "", err
	}
	meanwhile, err := p.newReader(to, copierPartitions, "read_committed")
	if err != nil {
		return "", err
	}
	c := &copying{part: p}
	for number := range 2 {
		if err := c.startCopier(name, from, to, number); err != nil {
			return "", err
		}
	}
	failed := func() error { return errors.Join(c.copiers[0].failed(), c.copiers[1].failed(), meanwhile.failed()) }
	var bound []func(context.Context) error
	for _, fault := range faults {
		bound = append(bound, func(ctx context.Context) error { return fault(c, ctx) })
	}
	if err := p.faults(ctx, meanwhile, p.records, p.options.kills, failed, bound...); err != nil {
		return "", err
	}
	for _, copier := range c.copiers {
		// In a group it waits for more.
		if err := copier.stop(60 * time.Second); err != nil {
			return "", err
		}
	}
	if err := p.holdAgainst(ctx, meanwhile, input); err != nil {
		return "", err
	}
	return fmt.Sprintf("with SIGKILL of copiers %d times, of the broker %d, SIGTERM of copiers %d, of the broker %d",
		c.copiers[0].kills+c.copiers[1].kills, c.brokerKilled, c.stopped, c.brokerStopped), nil
}

func (c *copying) startCopier(name, from, to string, number int) error {
	id := fmt.Sprintf("copier-%s-%d", name, number)
	arguments := []string{
		"org.apache.kafka.tools.TransactionalMessageCopier", "--broker-list", c.broker.Address(), "--input-topic", from,
		"--input-partition", fmt.Sprint(number), "--output-topic", to, "--transactional-id", id, "--consumer-group", "copiers-" + name,
		"--transaction-size", fmt.Sprint(transactionSize), "--transaction-timeout", "20000", "--enable-random-aborts", "--use-group-metadata",
	}
	if name == "grouped" {
		arguments = append(arguments, "--group-mode")
	}
	// From start to start with another client: one transaction is the new protocol's, the next one is the old one's.
	versions := [][]string{c.javaCommand(c.oldestTools+"/*", arguments...), c.javaCommand(c.newestTools+"/*", arguments...)}
	copier := c.client(id, versions[number], versions[1-number])
	c.copiers = append(c.copiers, copier)
	return copier.start()
}

// next is the copier whose turn it is, or the other one if that has copied all it had to.
func (c *copying) next() *process {
	c.turn++
	for range c.copiers {
		if one := c.copiers[c.turn%len(c.copiers)]; one.isAlive() {
			return one
		}
		c.turn++
	}
	return nil
}

func (c *copying) restartOne(context.Context) error {
	if one := c.next(); one != nil {
		return one.restart()
	}
	return nil
}

func (c *copying) stopOne(context.Context) error {
	one := c.next()
	if one == nil {
		return nil
	}
	c.stopped++
	if err := one.stop(60 * time.Second); err != nil {
		return err
	}
	return one.start()
}

func (c *copying) killBroker(ctx context.Context) error {
	c.brokerKilled++
	return c.restartBroker(ctx, syscall.SIGKILL)
}

func (c *copying) stopBroker(ctx context.Context) error {
	c.brokerStopped++
	return c.restartBroker(ctx, syscall.SIGTERM)
}

// loadInput writes the input, and gives it by partition.
func (p *part) loadInput(ctx context.Context, topic string) ([][]entry, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(p.broker.Address()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	input := make([][]entry, copierPartitions)
	var records []*kgo.Record
	for number := range p.records {
		partition := number % copierPartitions
		one := entry{fmt.Sprint(number), fmt.Sprintf("%08d %s", number, strings.Repeat("x", p.random.IntN(100)))}
		input[partition] = append(input[partition], one)
		records = append(records, &kgo.Record{Topic: topic, Partition: int32(partition), Key: []byte(one.key), Value: []byte(one.value)})
	}
	return input, client.ProduceSync(ctx, records...).FirstErr()
}

// holdAgainst compares what was read meanwhile, and what is read now, with what must be there.
func (p *part) holdAgainst(ctx context.Context, meanwhile *reader, wanted [][]entry) error {
	limited, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	ends, err := p.stableEnds(limited, meanwhile.topic, len(wanted))
	if err != nil {
		return err
	}
	read, err := meanwhile.finish(limited, ends)
	if err != nil {
		return err
	}
	if err := same(read, wanted); err != nil {
		return fmt.Errorf("the reader meanwhile: %w", err)
	}
	read, err = p.readAll(ctx, meanwhile.topic, len(wanted), "read_committed")
	if err != nil {
		return err
	}
	if err := same(read, wanted); err != nil {
		return fmt.Errorf("the reader after it: %w", err)
	}
	return nil
}

// same says where the first difference is.
func same(read, wanted [][]entry) error {
	for partition := range wanted {
		if slices.Equal(read[partition], wanted[partition]) {
			continue
		}
		for at, one := range wanted[partition] {
			if at >= len(read[partition]) {
				return fmt.Errorf("partition %d has %d records, not %d", partition, len(read[partition]), len(wanted[partition]))
			}
			if read[partition][at] != one {
				return fmt.Errorf("record %d of partition %d is %v, not %v", at, partition, read[partition][at], one)
			}
		}
		return fmt.Errorf("partition %d has %d records too many", partition, len(read[partition])-len(wanted[partition]))
	}
	return nil
}
