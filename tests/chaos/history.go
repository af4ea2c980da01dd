package main

import (
	"fmt"
	"slices"
	"sync"
)

// What can be wrong. The names are the rules' own, so that a self-test can ask for one of them.
const (
	ruleLost     = "lost"     // an acknowledged record is not there
	ruleMoved    = "moved"    // an acknowledged record is not at the offset that was acknowledged
	ruleTwice    = "twice"    // a record is there at two offsets
	ruleDisorder = "disorder" // a producer's record lies after a later one of its own
	ruleSkipped  = "skipped"  // a record of an idempotent producer is missing before a later one
	ruleGap      = "gap"      // an offset is missing
	ruleContent  = "content"  // a value is not what its producer sent
	ruleChanged  = "changed"  // a record that was read is another one when it is read again
	ruleShrunk   = "shrunk"   // records that were read are no longer there
	ruleRefused  = "refused"  // an idempotent producer gave a record up
	ruleBack     = "back"     // a group's committed offset went back
	ruleUnseen   = "unseen"   // a group went past a record without seeing it
	ruleSilent   = "silent"   // a client did nothing
)

// violation is a broken promise.
type violation struct {
	rule, text string
}

func (v *violation) Error() string { return v.rule + ": " + v.text }

// place is a partition; the history knows places by their index.
type place struct {
	topic     string
	partition int32
}

func (p place) String() string { return fmt.Sprintf("%s-%d", p.topic, p.partition) }

// producer is a source of records. The records of an idempotent one may not miss before later ones; another one
// does not retry, so that a record it knows nothing of is there once or not at all.
type producer struct {
	name       string
	idempotent bool
}

type ack struct {
	identity
	// -1 where the client does not know it.
	offset int64
}

// sequence is what is known of one producer's records in one place.
type sequence struct {
	// The offset of its nth record, -1 where it was not seen.
	offsets []int64
	highest int64
}

type logHistory struct {
	// What was read, by offset.
	records   []identity
	sequences map[uint16]*sequence
	// Acknowledgements that were not held against the log yet.
	pending []ack
	// The offset after the last one that was acknowledged.
	acknowledgedEnd int64
	acknowledged    int64
}

type groupHistory struct {
	// What was delivered, by offset; without holes, or a record was passed over.
	got       []identity
	committed int64
	// What was asked to be committed since the last acknowledgement.
	onItsWay []int64
}

// history is everything the clients and the reader saw, and the judge of it. The first violation stays.
type history struct {
	mu        sync.Mutex
	places    []place
	producers []producer
	groups    []string
	logs      []*logHistory
	delivered [][]*groupHistory
	failure   *violation
	// What an idempotent producer gave up, mostly because records before it are gone: that is to be found first.
	refusal *violation
	failed  chan struct{}
	acks    []int64
}

func newHistory(places []place, producers []producer, groups []string) *history {
	h := &history{places: places, producers: producers, groups: groups, failed: make(chan struct{}), acks: make([]int64, len(producers))}
	for range places {
		h.logs = append(h.logs, &logHistory{sequences: map[uint16]*sequence{}})
	}
	for range groups {
		var of []*groupHistory
		for range places {
			of = append(of, &groupHistory{})
		}
		h.delivered = append(h.delivered, of)
	}
	return h
}

// breaks notes a violation; only the first counts, since others may follow from it.
func (h *history) breaks(rule, format string, arguments ...any) {
	if h.failure == nil {
		h.failure = &violation{rule, fmt.Sprintf(format, arguments...)}
		close(h.failed)
	}
}

// verdict is the first violation, or nil.
func (h *history) verdict() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failure == nil {
		return nil
	}
	return h.failure
}

// verdictOfRound is the verdict once the logs were looked at.
func (h *history) verdictOfRound() error {
	h.mu.Lock()
	if h.failure == nil {
		h.failure = h.refusal
	}
	h.mu.Unlock()
	return h.verdict()
}

func (h *history) named(id identity) string {
	if int(id.producer) >= len(h.producers) {
		return fmt.Sprintf("record %d of nobody", id.n)
	}
	return fmt.Sprintf("record %d of %s", id.n, h.producers[id.producer].name)
}

// acked takes in that a producer was told its record is safe.
func (h *history) acked(at int, id identity, offset int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	log := h.logs[at]
	log.pending = append(log.pending, ack{id, offset})
	log.acknowledgedEnd = max(log.acknowledgedEnd, offset+1)
	log.acknowledged++
	h.acks[id.producer]++
}

// refused takes in that a producer gave a record up.
func (h *history) refused(at int, id identity, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.producers[id.producer].idempotent && h.refusal == nil {
		h.refusal = &violation{ruleRefused, fmt.Sprintf("%s: %s was given up: %v", h.places[at], h.named(id), err)}
	}
}

// read takes in what the log holds at an offset. Offsets come one after the other, from wherever the reader begins.
func (h *history) read(at int, offset int64, value []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	log, where := h.logs[at], h.places[at]
	id, meant, err := decode(value)
	switch {
	case err != nil:
		h.breaks(ruleContent, "%s: offset %d: %v", where, offset, err)
		return
	case meant != at || int(id.producer) >= len(h.producers):
		h.breaks(ruleContent, "%s: offset %d: %s was meant for place %d", where, offset, h.named(id), meant)
		return
	}
	known := int64(len(log.records))
	if offset < known {
		if before := log.records[offset]; before != id {
			h.breaks(ruleChanged, "%s: offset %d was %s and is %s", where, offset, h.named(before), h.named(id))
		}
		return
	}
	if offset > known {
		h.breaks(ruleGap, "%s: offset %d follows %d", where, offset, known-1)
		return
	}
	log.records = append(log.records, id)
	h.follows(at, id, offset)
}

// follows judges a new record by what its producer has in the log already.
func (h *history) follows(at int, id identity, offset int64) {
	log, where, n := h.logs[at], h.places[at], int64(id.n)
	of := log.sequences[id.producer]
	if of == nil {
		of = &sequence{highest: -1}
		log.sequences[id.producer] = of
	}
	for int64(len(of.offsets)) <= n {
		of.offsets = append(of.offsets, -1)
	}
	switch {
	case of.offsets[n] >= 0:
		h.breaks(ruleTwice, "%s: %s is at offset %d and at %d", where, h.named(id), of.offsets[n], offset)
	case n < of.highest:
		h.breaks(ruleDisorder, "%s: %s is at offset %d, after record %d at %d", where, h.named(id), offset, of.highest, of.offsets[of.highest])
	case n > of.highest+1 && h.producers[id.producer].idempotent:
		h.breaks(ruleSkipped, "%s: %s is at offset %d, but the last one before was %d", where, h.named(id), offset, of.highest)
	}
	of.offsets[n] = offset
	of.highest = max(of.highest, n)
}

// mark is how much was known at a moment when no broker ran.
type mark struct {
	pending   []int
	committed [][]int64
}

func (h *history) mark() mark {
	h.mu.Lock()
	defer h.mu.Unlock()
	var m mark
	for _, log := range h.logs {
		m.pending = append(m.pending, len(log.pending))
	}
	for _, of := range h.delivered {
		var committed []int64
		for _, group := range of {
			committed = append(committed, group.committed)
		}
		m.committed = append(m.committed, committed)
	}
	return m
}

// settle holds the acknowledgements known at a mark against a log that was read up to its end.
func (h *history) settle(at int, end int64, m mark) {
	h.mu.Lock()
	defer h.mu.Unlock()
	log, where := h.logs[at], h.places[at]
	if int64(len(log.records)) < end {
		h.breaks(ruleLost, "%s: the log ends at %d, but reading stopped at %d", where, end, len(log.records))
		return
	}
	for _, acked := range log.pending[:m.pending[at]] {
		h.holds(at, acked)
	}
	log.pending = append([]ack(nil), log.pending[m.pending[at]:]...)
}

func (h *history) holds(at int, acked ack) {
	log, where := h.logs[at], h.places[at]
	found := int64(-1)
	if of := log.sequences[acked.producer]; of != nil && int(acked.n) < len(of.offsets) {
		found = of.offsets[acked.n]
	}
	switch {
	case found < 0:
		h.breaks(ruleLost, "%s: %s was acknowledged at offset %d and is not there; the log ends at %d", where, h.named(acked.identity), acked.offset, len(log.records))
	case acked.offset >= 0 && found != acked.offset:
		h.breaks(ruleMoved, "%s: %s was acknowledged at offset %d and is at %d", where, h.named(acked.identity), acked.offset, found)
	}
}

// ends takes in where a log ended after a restart, before anything else of it is read; gives where to read on from.
// A little of what is known is read again each time, and all of it at the end.
func (h *history) ends(at int, end int64) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	log, where := h.logs[at], h.places[at]
	if known := int64(len(log.records)); end < known {
		rule := ruleShrunk
		if end < log.acknowledgedEnd {
			rule = ruleLost
		}
		h.breaks(rule, "%s: the log ends at %d, after %d records of it were read and %d acknowledged", where, end, known, log.acknowledgedEnd)
	}
	return max(0, int64(len(log.records))-200)
}

// got takes in what a group's consumer was given.
func (h *history) got(group, at int, offset int64, id identity) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.delivered[group][at]
	known := int64(len(of.got))
	switch {
	case offset > known:
		h.breaks(ruleUnseen, "%s: group %s was given offset %d after %d", h.places[at], h.groups[group], offset, known-1)
	case offset == known:
		of.got = append(of.got, id)
	case of.got[offset] != id:
		h.breaks(ruleChanged, "%s: group %s was given %s at offset %d, and then %s", h.places[at], h.groups[group], h.named(of.got[offset]), offset, h.named(id))
	}
}

// gotValue is got for a value that was not decoded yet.
func (h *history) gotValue(group, at int, offset int64, value []byte) {
	id, meant, err := decode(value)
	if err != nil || meant != at {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.breaks(ruleContent, "%s: group %s was given at offset %d what was meant for place %d: %v", h.places[at], h.groups[group], offset, meant, err)
		return
	}
	h.got(group, at, offset, id)
}

// commits takes in that a group's consumer is about to commit an offset. One may go back by itself: kafka-go gives out what it read before a
// rebalance, commits that in the new generation, and then goes on from what was committed before it. Until a commit is acknowledged, it may
// still be on its way.
func (h *history) commits(group, at int, offset int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.delivered[group][at]
	of.onItsWay = append(of.onItsWay, offset)
}

// committed takes in that a group's consumer was told its commit is safe.
func (h *history) committed(group, at int, offset int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.delivered[group][at]
	if slices.Contains(of.onItsWay, offset) {
		of.committed = offset
	}
	of.committed = max(of.committed, offset)
	of.onItsWay = nil
}

// fetched takes in which offset of a group the broker knows.
func (h *history) fetched(group, at int, offset int64, m mark) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.delivered[group][at]
	before := min(m.committed[group][at], of.committed)
	for _, attempt := range of.onItsWay {
		before = min(before, attempt)
	}
	if offset < before {
		h.breaks(ruleBack, "%s: group %s had committed %d and has %d; the log ends at %d, acknowledged to %d",
			h.places[at], h.groups[group], before, offset, len(h.logs[at].records), h.logs[at].acknowledgedEnd)
	}
	of.committed = max(of.committed, offset)
}

// close judges what can only be judged at the end: that groups were given what the log holds, and that everybody took part.
func (h *history) close() error {
	h.mu.Lock()
	for group, of := range h.delivered {
		for at, delivered := range of {
			h.sameAsLog(group, at, delivered)
		}
	}
	for index, producer := range h.producers {
		if h.acks[index] == 0 {
			h.breaks(ruleSilent, "%s had nothing acknowledged", producer.name)
		}
	}
	h.mu.Unlock()
	return h.verdict()
}

func (h *history) sameAsLog(group, at int, delivered *groupHistory) {
	records := h.logs[at].records
	if len(delivered.got) < len(records) {
		h.breaks(ruleUnseen, "%s: group %s was given %d records of %d", h.places[at], h.groups[group], len(delivered.got), len(records))
	}
	for offset, id := range delivered.got[:min(len(delivered.got), len(records))] {
		if id != records[offset] {
			h.breaks(ruleChanged, "%s: group %s was given %s at offset %d, where %s is", h.places[at], h.groups[group], h.named(id), offset, h.named(records[offset]))
		}
	}
}

// totals are the records acknowledged and those in the logs.
func (h *history) totals() (acknowledged, held int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, log := range h.logs {
		acknowledged += log.acknowledged
		held += int64(len(log.records))
	}
	return acknowledged, held
}

// behind names a group that has not committed all there is, or nothing.
func (h *history) behind() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for group, of := range h.delivered {
		for at, delivered := range of {
			if end := int64(len(h.logs[at].records)); delivered.committed < end {
				return fmt.Sprintf("%s has committed %d of %d in %s", h.groups[group], delivered.committed, end, h.places[at])
			}
		}
	}
	return ""
}
