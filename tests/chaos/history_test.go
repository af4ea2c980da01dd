package main

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// Each test is a history made by hand. One is good; every other one breaks one promise, and the judge must say which.

const (
	steady = uint16(0) // an idempotent producer
	loose  = uint16(1) // one that does not retry
)

type scene struct {
	*history
	random *rand.Rand
}

func newScene() *scene {
	h := newHistory([]place{{"a", 0}, {"a", 1}}, []producer{{"steady", true}, {"loose", false}}, []string{"readers"})
	return &scene{h, rand.New(rand.NewPCG(1, 2))}
}

// log reads a log whose offsets hold these records, from the beginning.
func (s *scene) log(ids ...identity) {
	for offset, id := range ids {
		s.read(0, int64(offset), encode(id, 0, s.random))
	}
}

func (s *scene) settled(end int64) { s.settle(0, end, s.mark()) }

func (s *scene) wants(t *testing.T, rule string) {
	t.Helper()
	err := s.verdict()
	var found *violation
	switch {
	case rule == "" && err != nil:
		t.Fatalf("a good history was refused: %v", err)
	case rule != "" && !errors.As(err, &found):
		t.Fatalf("nothing was found, not even %q", rule)
	case rule != "" && found.rule != rule:
		t.Fatalf("found %v instead of %q", found, rule)
	}
}

func TestAGoodHistoryPasses(t *testing.T) {
	s := newScene()
	s.acked(0, identity{steady, 0}, 0)
	s.acked(0, identity{loose, 0}, 1)
	s.acked(0, identity{steady, 1}, -1)
	s.log(identity{steady, 0}, identity{loose, 0}, identity{steady, 1}, identity{loose, 3})
	s.settled(4)
	s.ends(0, 4)
	s.log(identity{steady, 0}, identity{loose, 0}, identity{steady, 1}, identity{loose, 3})
	for offset, id := range s.logs[0].records {
		s.got(0, 0, int64(offset), id)
	}
	s.got(0, 0, 2, identity{steady, 1})
	s.committed(0, 0, 3)
	s.fetched(0, 0, 4, s.mark())
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

func TestAnAcknowledgedRecordThatIsMissingIsLost(t *testing.T) {
	s := newScene()
	s.acked(0, identity{loose, 0}, 1)
	s.log(identity{steady, 0}, identity{loose, 1})
	s.settled(2)
	s.wants(t, ruleLost)
}

func TestAnAcknowledgedRecordAfterTheEndIsLost(t *testing.T) {
	s := newScene()
	s.acked(0, identity{steady, 1}, -1)
	s.log(identity{steady, 0})
	s.settled(1)
	s.wants(t, ruleLost)
}

func TestALogThatEndsBeforeWhatWasAcknowledgedHasLostIt(t *testing.T) {
	s := newScene()
	s.acked(0, identity{steady, 1}, 1)
	s.log(identity{steady, 0}, identity{steady, 1})
	s.settled(2)
	s.ends(0, 1)
	s.wants(t, ruleLost)
}

func TestALogThatEndsBeforeWhatWasReadHasShrunk(t *testing.T) {
	s := newScene()
	s.log(identity{steady, 0}, identity{steady, 1})
	s.ends(0, 1)
	s.wants(t, ruleShrunk)
}

func TestALogThatCannotBeReadToItsEndHasLostSomething(t *testing.T) {
	s := newScene()
	s.log(identity{steady, 0})
	s.settled(2)
	s.wants(t, ruleLost)
}

func TestARecordAtAnotherOffsetThanAcknowledgedHasMoved(t *testing.T) {
	s := newScene()
	s.acked(0, identity{steady, 0}, 1)
	s.log(identity{steady, 0}, identity{loose, 0})
	s.settled(2)
	s.wants(t, ruleMoved)
}

func TestADuplicateIsFound(t *testing.T) {
	for _, producer := range []uint16{steady, loose} {
		s := newScene()
		s.log(identity{producer, 0}, identity{producer, 1}, identity{producer, 0})
		s.wants(t, ruleTwice)
	}
}

func TestAReorderedRecordIsFound(t *testing.T) {
	s := newScene()
	s.log(identity{loose, 0}, identity{loose, 2}, identity{loose, 1})
	s.wants(t, ruleDisorder)
}

func TestAHoleInAnIdempotentProducersRecordsIsFound(t *testing.T) {
	s := newScene()
	s.log(identity{steady, 0}, identity{steady, 2})
	s.wants(t, ruleSkipped)
}

func TestAMissingOffsetIsFound(t *testing.T) {
	s := newScene()
	s.read(0, 0, encode(identity{steady, 0}, 0, s.random))
	s.read(0, 2, encode(identity{steady, 1}, 0, s.random))
	s.wants(t, ruleGap)
}

func TestEveryChangedByteOfAValueIsFound(t *testing.T) {
	whole := encode(identity{steady, 0}, 0, newScene().random)
	for index := range whole {
		s := newScene()
		changed := append([]byte(nil), whole...)
		changed[index] ^= 0x10
		s.read(0, 0, changed)
		s.wants(t, ruleContent)
	}
	for length := range whole {
		s := newScene()
		s.read(0, 0, whole[:length])
		s.wants(t, ruleContent)
	}
}

func TestARecordInAnotherPartitionIsFound(t *testing.T) {
	s := newScene()
	s.read(1, 0, encode(identity{steady, 0}, 0, s.random))
	s.wants(t, ruleContent)
}

func TestARecordThatIsAnotherOneWhenReadAgainIsFound(t *testing.T) {
	s := newScene()
	s.log(identity{steady, 0}, identity{loose, 0})
	s.log(identity{steady, 0}, identity{loose, 1})
	s.wants(t, ruleChanged)
}

func TestAnIdempotentProducerThatGivesUpIsFound(t *testing.T) {
	s := newScene()
	s.refused(0, identity{loose, 0}, errors.New("no"))
	s.verdictOfRound()
	s.wants(t, "")
	s.refused(0, identity{steady, 0}, errors.New("no"))
	s.verdictOfRound()
	s.wants(t, ruleRefused)
}

func TestACommittedOffsetThatGoesBackIsFound(t *testing.T) {
	s := newScene()
	s.got(0, 0, 0, identity{steady, 0})
	s.got(0, 0, 1, identity{steady, 1})
	s.committed(0, 0, 2)
	s.fetched(0, 0, 1, s.mark())
	s.wants(t, ruleBack)
}

func TestAClientThatGoesBackIsNotTheBroker(t *testing.T) {
	s := newScene()
	for offset := range int64(3) {
		s.got(0, 0, offset, identity{steady, uint32(offset)})
	}
	s.committed(0, 0, 3)
	m := s.mark()
	s.commits(0, 0, 2)
	s.fetched(0, 0, 3, m)
	s.fetched(0, 0, 2, s.mark())
	s.committed(0, 0, 2)
	s.fetched(0, 0, 2, m)
	s.wants(t, "")
	s.fetched(0, 0, 1, s.mark())
	s.wants(t, ruleBack)
}

func TestAnUnacknowledgedCommitThatWasSeenAndGoesBackIsFound(t *testing.T) {
	s := newScene()
	s.got(0, 0, 0, identity{steady, 0})
	s.fetched(0, 0, 1, s.mark())
	s.fetched(0, 0, 0, s.mark())
	s.wants(t, ruleBack)
}

func TestARecordThatAGroupNeverSawIsFound(t *testing.T) {
	s := newScene()
	s.got(0, 0, 0, identity{steady, 0})
	s.got(0, 0, 2, identity{steady, 2})
	s.wants(t, ruleUnseen)
}

func TestARecordThatAGroupDidNotComeToIsFound(t *testing.T) {
	s := newScene()
	s.log(identity{steady, 0})
	s.close()
	s.wants(t, ruleUnseen)
}

func TestAGroupThatWasGivenAnotherRecordThanTheLogHoldsIsFound(t *testing.T) {
	s := newScene()
	s.log(identity{steady, 0})
	s.got(0, 0, 0, identity{steady, 1})
	s.close()
	s.wants(t, ruleChanged)
}

func TestAClientThatDidNothingIsFound(t *testing.T) {
	s := newScene()
	s.acked(0, identity{steady, 0}, 0)
	s.close()
	s.wants(t, ruleSilent)
}
