package main

import "testing"

func TestContentIsReadAsItWasWritten(t *testing.T) {
	if value, whole := parse(content(17, "xxx")); value != 17 || !whole {
		t.Fatalf("%d, %v", value, whole)
	}
}

func TestChangedContentIsNobodys(t *testing.T) {
	whole := content(17, "xxx")
	for at := range whole {
		changed := append([]byte{}, whole...)
		changed[at] ^= 1
		if _, is := parse(changed); is {
			t.Errorf("%q", changed)
		}
		if _, is := parse(whole[:at]); is {
			t.Errorf("%q", whole[:at])
		}
	}
}

func TestOffsetsGoToTheirPartitions(t *testing.T) {
	places := topicPartitions(map[string]int64{"some-topic-3": 9})
	if len(places) != 1 || *places[0].Topic != "some-topic" || places[0].Partition != 3 || places[0].Offset != 9 {
		t.Fatalf("%v", places)
	}
}
