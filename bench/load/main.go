// Load for a broker, one kind per run; prints what came of it as one line of JSON.
//
//	load first-ack   -topic T [-create N]    waits for the broker, creates T, produces until it is acknowledged
//	load produce     -topic T -size B -total BYTES [-codec C]
//	load consume     -topic T -records N
//	load connections | pipelined -topic T -connections N -seconds S -size B
//	load one-producer | spread   -topic T -seconds S -size B [-buffered N]
//	load paced       -topic T -rate N -seconds S -size B
//	load latency     -topic T -rate N -seconds S -size B
//	load transactions -topic T -seconds S -size B [-configs …]  one producer, 100 records each
//	load drain       -topic T -partitions N [-records N | -seconds S]
//	load fetches     -topic T -seconds S -size B
//	load disk-write  -dir D -seconds S       what the disk does without a broker
//	load disk-read   -dir D -topic T
//	load evict       -dir D -topic T         drops a topic's logs from the page cache
//	load defaults    -topic T -connections N -linger MS -seconds S -size B
//	load mixed       -topic T -rate N -seconds S -size B
//	load topics      -topic PREFIX -records N
//	load group       -topic T -partitions N -connections MEMBERS -seconds S
//	load limits      -dir D                  what the machine does without a broker
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type options struct {
	broker      string
	topic       string
	partitions  int
	create      bool
	configs     string
	dir         string
	rate        int
	size        int
	total       int64
	records     int64
	connections int
	seconds     int
	linger      int
	buffered    int
	codec       string
}

func main() {
	var o options
	kind := ""
	if len(os.Args) > 1 {
		kind = os.Args[1]
	}
	flags := flag.NewFlagSet(kind, flag.ExitOnError)
	flags.StringVar(&o.broker, "broker", "127.0.0.1:9092", "address of the broker")
	flags.StringVar(&o.topic, "topic", "bench", "topic")
	flags.IntVar(&o.partitions, "partitions", 6, "partitions of the topic")
	flags.BoolVar(&o.create, "create", false, "create the topic first")
	flags.StringVar(&o.configs, "configs", "", "of a topic that is created: KEY=VALUE,…")
	flags.StringVar(&o.dir, "dir", "", "the broker's data directory")
	flags.IntVar(&o.rate, "rate", 1000, "records a second")
	flags.IntVar(&o.size, "size", 1024, "bytes of a record's value")
	flags.Int64Var(&o.total, "total", 1<<30, "bytes to produce")
	flags.Int64Var(&o.records, "records", 1<<20, "records to consume")
	flags.IntVar(&o.connections, "connections", 500, "connections")
	flags.IntVar(&o.buffered, "buffered", 2000, "records that may be on their way")
	flags.IntVar(&o.linger, "linger", 0, "ms")
	flags.StringVar(&o.codec, "codec", "none", "none, gzip, snappy, lz4 or zstd")
	flags.IntVar(&o.seconds, "seconds", 10, "how long")
	if len(os.Args) > 2 {
		flags.Parse(os.Args[2:])
	}
	kinds := map[string]func(options) (map[string]any, error){
		"first-ack":    firstAck,
		"produce":      produce,
		"consume":      consume,
		"connections":  connections,
		"pipelined":    pipelined,
		"one-producer": oneProducer,
		"spread":       spread,
		"paced":        paced,
		"latency":      latency,
		"transactions": transactions,
		"drain":        drain,
		"fetches":      fetches,
		"disk-write":   diskWrite,
		"disk-read":    diskRead,
		"evict":        evict,
		"defaults":     defaults,
		"mixed":        mixed,
		"topics":       topics,
		"group":        group,
		"limits":       limits,
	}
	run, known := kinds[kind]
	if !known {
		fmt.Fprintln(os.Stderr, "say what to do; the head of main.go lists it")
		os.Exit(2)
	}
	result, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(result)
}

// produce writes records to all partitions with an idempotent producer, acks=all and big batches.
func produce(o options) (map[string]any, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(o.broker),
		kgo.DefaultProduceTopic(o.topic),
		kgo.ProducerBatchMaxBytes(1_000_000),
		kgo.ProducerBatchCompression(codecs[o.codec]),
		kgo.ProducerLinger(5*time.Millisecond),
		kgo.MaxBufferedRecords(200_000),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	value := payload(o.size)
	if o.codec != "none" {
		value = text(o.size)
	}
	count := o.total / int64(o.size)
	var failure error
	begun := time.Now()
	for range count {
		client.Produce(context.Background(), &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failure = err
			}
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		return nil, err
	}
	return rate(count, o.size, begun), failure
}

// consume reads so many records from the beginning of all partitions.
func consume(o options) (map[string]any, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(o.broker),
		kgo.ConsumeTopics(o.topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxBytes(50<<20),
		kgo.FetchMaxPartitionBytes(8<<20),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	begun := time.Now()
	var seen int64
	for seen < o.records {
		fetches := client.PollFetches(context.Background())
		if errors := fetches.Errors(); len(errors) > 0 {
			return nil, errors[0].Err
		}
		seen += int64(fetches.NumRecords())
	}
	return rate(seen, o.size, begun), nil
}

// codecs by their names in Kafka.
var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// text compresses about as well as JSON does.
func text(size int) []byte {
	random, bytes := payload(size), make([]byte, 0, size+64)
	for index := 0; len(bytes) < size; index++ {
		bytes = fmt.Appendf(bytes, `{"city":"London","temperature":%d,"windspeed":%d},`, random[index%size], random[(index+7)%size])
	}
	return bytes[:size]
}

// payload does not compress and does not repeat within a batch's window.
func payload(size int) []byte {
	bytes := make([]byte, size)
	state := uint32(2463534242)
	for index := range bytes {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		bytes[index] = byte(state)
	}
	return bytes
}

func rate(records int64, size int, begun time.Time) map[string]any {
	seconds := time.Since(begun).Seconds()
	bytes := float64(records) * float64(size)
	return map[string]any{
		"records": records, "gb": bytes / 1e9, "seconds": seconds,
		"mb_per_s": bytes / 1e6 / seconds, "records_per_s": float64(records) / seconds,
	}
}
