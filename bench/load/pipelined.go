package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// inFlight is how many requests a connection has on its way, as many as Kafka's producer has by default.
const inFlight = 5

// pipelined has clients that each send a small batch for every answer that comes, without waiting for the others.
func pipelined(o options) (map[string]any, error) {
	counts, seconds, err := onEach(o, onePipeline)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, count := range counts {
		total += count
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
