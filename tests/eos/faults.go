package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stallLimit is how long nothing may arrive.
const stallLimit = 90 * time.Second

// faults does each of these in turn, as often as kills says and spread over the work: each time when so much more of it has
// arrived at the reader, so that whatever is killed is at work. Then it waits until everything has arrived.
func (p *part) faults(ctx context.Context, reader *reader, total, kills int, ended func() error, faults ...func(context.Context) error) error {
	for kill := range kills {
		if err := arrives(ctx, reader, total*(kill+1)/(kills+1), ended); err != nil {
			return err
		}
		time.Sleep(time.Duration(p.random.IntN(50)) * time.Millisecond)
		if err := faults[kill%len(faults)](ctx); err != nil {
			return err
		}
	}
	return arrives(ctx, reader, total, ended)
}

// arrives waits until so many records have come.
func arrives(ctx context.Context, reader *reader, wanted int, ended func() error) error {
	last, since := reader.count(), time.Now()
	for {
		if err := ended(); err != nil {
			return err
		}
		count := reader.count()
		if count >= wanted {
			return nil
		}
		if count > last {
			last, since = count, time.Now()
		}
		if time.Since(since) > stallLimit {
			return fmt.Errorf("only %d of %d records have come, and none for %s", count, wanted, stallLimit)
		}
		select {
		case <-ctx.Done():
			return errors.New("out of time")
		case <-time.After(2 * time.Millisecond):
		}
	}
}
