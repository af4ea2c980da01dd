package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"
)

// inFlight is how many requests a connection has on its way, as many as Kafka's producer has by default.
const inFlight = 5

// pipelined has clients that each send a small batch for every answer that comes, without waiting for the others.
func pipelined(o options) (map[string]any, error) {
	var group sync.WaitGroup
	counts := make([]int, o.connections)
	failures := make([]error, o.connections)
	begun := time.Now()
	end := begun.Add(time.Duration(o.seconds) * time.Second)
	for index := range o.connections {
		group.Add(1)
		go func() {
			defer group.Done()
			counts[index], failures[index] = onePipeline(o, index, end)
		}()
	}
	group.Wait()
	seconds := time.Since(begun).Seconds()
	total := 0
	for index, err := range failures {
		if err != nil {
			return nil, err
		}
		total += counts[index]
	}
	return map[string]any{"requests": total, "requests_per_s": float64(total) / seconds}, nil
}

func onePipeline(o options, index int, end time.Time) (int, error) {
	c, request, err := producing(o, index)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(end.Add(time.Minute))
	answers := bufio.NewReader(c)
	count, unanswered, missing := 0, 0, inFlight
	for time.Now().Before(end) {
		if _, err := c.Write(bytes.Repeat(request, missing)); err != nil {
			return 0, err
		}
		unanswered, missing = unanswered+missing, 0
		// One answer, and those that came with it.
		for missing == 0 || (unanswered > 0 && answers.Buffered() > 0) {
			if err := skipAnswer(answers); err != nil {
				return 0, err
			}
			count, unanswered, missing = count+1, unanswered-1, missing+1
		}
	}
	return count, nil
}

func skipAnswer(answers *bufio.Reader) error {
	var length [4]byte
	if _, err := io.ReadFull(answers, length[:]); err != nil {
		return err
	}
	size := int(binary.BigEndian.Uint32(length[:]))
	if _, err := answers.Discard(size); err != nil {
		return fmt.Errorf("an answer of %d bytes: %w", size, err)
	}
	return nil
}
