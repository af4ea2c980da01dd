package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// batchBytes is the largest batch that clients make, so that every batch fits a small segment.
const batchBytes = 100_000

// outgoing is a record on its way.
type outgoing struct {
	at    int
	id    identity
	value []byte
}

// sender is a client library's producer. send may return before the records are safe; every record ends in
// load.acked or load.refused, and flush waits until all of them did.
type sender interface {
	send(batch []outgoing)
	flush(ctx context.Context) error
	close()
}

// load is what the clients do to the broker: producers that write to all places, groups that read them.
type load struct {
	*history
	address string
	seed    uint64
	// Records a second and producer.
	rate    int
	indexes map[place]int
	writers sync.WaitGroup
	readers sync.WaitGroup
	// What a client library could not do; the run fails with it.
	errors chan error
}

func newLoad(h *history, address string, seed uint64, rate int) *load {
	indexes := map[place]int{}
	for at, p := range h.places {
		indexes[p] = at
	}
	return &load{history: h, address: address, seed: seed, rate: rate, indexes: indexes, errors: make(chan error, 64)}
}

// fails reports that a client library gave up; the first report is enough.
func (l *load) fails(err error) {
	select {
	case l.errors <- err:
	default:
	}
}

// write lets a producer write until the context ends, and then until everything of it is acknowledged. With renewed
// it gets a new client, and so a new producer id, each time that ticks.
func (l *load) write(ctx context.Context, id uint16, open func() (sender, error), renewed <-chan time.Time) {
	l.writers.Add(1)
	go func() {
		defer l.writers.Done()
		if err := l.writeLoop(ctx, id, open, renewed); err != nil {
			l.fails(fmt.Errorf("%s: %w", l.producers[id].name, err))
		}
	}()
}

func (l *load) writeLoop(ctx context.Context, id uint16, open func() (sender, error), renewed <-chan time.Time) error {
	random := rand.New(rand.NewPCG(l.seed, uint64(id)))
	next := make([]uint32, len(l.places))
	client, err := open()
	if err != nil {
		return err
	}
	const tick = 10 * time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			err := l.flush(client)
			client.close()
			return err
		case <-renewed:
			if err := l.flush(client); err != nil {
				return err
			}
			client.close()
			if client, err = open(); err != nil {
				return err
			}
		case <-ticker.C:
			client.send(l.burst(id, next, random, int(float64(l.rate)*tick.Seconds()*2*random.Float64())))
		}
	}
}

func (l *load) flush(client sender) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	return client.flush(ctx)
}

// burst is a tick's records, in runs of one place, so that some batches are large.
func (l *load) burst(id uint16, next []uint32, random *rand.Rand, count int) []outgoing {
	var batch []outgoing
	at := 0
	for index := range count {
		if index == 0 || random.IntN(4) == 0 {
			at = random.IntN(len(l.places))
		}
		who := identity{id, next[at]}
		next[at]++
		batch = append(batch, outgoing{at, who, encode(who, at, random)})
	}
	return batch
}

// read lets a group's consumer read until the context ends.
func (l *load) read(ctx context.Context, group int, consume func(ctx context.Context, group int) error) {
	l.readers.Add(1)
	go func() {
		defer l.readers.Done()
		if err := consume(ctx, group); err != nil && ctx.Err() == nil {
			l.fails(fmt.Errorf("group %s: %w", l.groups[group], err))
		}
	}()
}

// window lets so many records be on their way, and waits for those.
type window struct {
	free chan struct{}
}

func newWindow(size int) window { return window{make(chan struct{}, size)} }

func (w window) enter() { w.free <- struct{}{} }
func (w window) leave() { <-w.free }

// empty waits until nothing is on its way any more.
func (w window) empty(ctx context.Context) error {
	for range cap(w.free) {
		select {
		case w.free <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("%d records are neither acknowledged nor refused: %w", len(w.free), ctx.Err())
		}
	}
	for range cap(w.free) {
		<-w.free
	}
	return nil
}
