package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Many transactional ids: what they cost, and how soon after SIGKILL the coordinator knows all of them again.

const (
	idCount = 10_000
	// A broker answers the requests of one connection one after the other.
	connectionCount = 32
	// The broker's memory may be so large with them, in MB.
	idMemoryMax = 100
	// From the start of the process until the last id is known.
	idRecoveryMax = time.Second
)

func idName(number int) string { return fmt.Sprintf("id-%05d", number) }

func (p *part) manyIds(ctx context.Context) (string, error) {
	before, err := p.memory()
	if err != nil {
		return "", err
	}
	begun := time.Now()
	producers, err := p.loadIds(ctx)
	if err != nil {
		return "", err
	}
	loaded := time.Since(begun)
	filled, err := p.memory()
	if err != nil {
		return "", err
	}
	if err := p.broker.End(syscall.SIGKILL); err != nil {
		return "", err
	}
	begun = time.Now()
	if err := p.broker.Start(ctx); err != nil {
		return "", err
	}
	serves := time.Since(begun)
	if err := p.knowsIds(ctx, producers); err != nil {
		return "", err
	}
	recovered := time.Since(begun)
	after, err := p.memory()
	if err != nil {
		return "", err
	}
	told := fmt.Sprintf("%d ids in %.1f s; memory %d MB, %d with them, %d after SIGKILL; the last is known %d ms after the start, which took %d",
		idCount, loaded.Seconds(), before, filled, after, recovered.Milliseconds(), serves.Milliseconds())
	if p.broker.Binary != "" && (max(filled, after) > idMemoryMax || recovered > idRecoveryMax*slack()) {
		return "", errors.New("too much: " + told)
	}
	return told, nil
}

// slack is what times may be multiplied with on machines that do other things, too.
func slack() time.Duration {
	if slack, err := strconv.Atoi(os.Getenv("SLACK")); err == nil {
		return time.Duration(slack)
	}
	return 3
}

// loadIds gives each id a producer.
func (p *part) loadIds(ctx context.Context) ([]int64, error) {
	producers := make([]int64, idCount)
	failed := make([]error, connectionCount)
	var loading sync.WaitGroup
	for connection := range connectionCount {
		loading.Go(func() {
			client, err := p.newAdmin()
			if err != nil {
				failed[connection] = err
				return
			}
			defer client.Close()
			for number := connection; number < idCount && failed[connection] == nil; number += connectionCount {
				producers[number], failed[connection] = loadId(ctx, client, idName(number))
			}
		})
	}
	loading.Wait()
	return producers, errors.Join(failed...)
}

// loadId tries until its coordinator, which may be coming to life, takes it.
func loadId(ctx context.Context, client *kgo.Client, id string) (int64, error) {
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		producer, _, err := initProducer(ctx, client, id)
		if err == nil || !isComingToLife(err) || time.Since(begun) > 30*time.Second {
			return producer, err
		}
	}
}

func isComingToLife(err error) bool {
	return errors.Is(err, kerr.CoordinatorLoadInProgress) || errors.Is(err, kerr.NotCoordinator) || errors.Is(err, kerr.CoordinatorNotAvailable)
}

func initProducer(ctx context.Context, client kmsg.Requestor, id string) (producer int64, epoch int16, err error) {
	request := kmsg.NewPtrInitProducerIDRequest()
	request.TransactionalID = &id
	request.TransactionTimeoutMillis = 60_000
	request.ProducerID, request.ProducerEpoch = -1, -1
	response, err := request.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(response.ErrorCode)
	}
	if err != nil {
		return -1, -1, fmt.Errorf("%s: %w", id, err)
	}
	return response.ProducerID, response.ProducerEpoch, nil
}

// knowsIds asks for all ids until none is answered with an error, and then whether the last one's owner can be fenced.
func (p *part) knowsIds(ctx context.Context, producers []int64) error {
	client, err := p.newAdmin()
	if err != nil {
		return err
	}
	defer client.Close()
	// Without the library's own retries.
	broker := client.SeedBrokers()[0]
	request := kmsg.NewPtrDescribeTransactionsRequest()
	for number := range producers {
		request.TransactionalIDs = append(request.TransactionalIDs, idName(number))
	}
	for {
		answer, err := broker.Request(ctx, request)
		if err != nil {
			return err
		}
		loading := 0
		for _, state := range answer.(*kmsg.DescribeTransactionsResponse).TransactionStates {
			switch err := kerr.ErrorForCode(state.ErrorCode); {
			case isComingToLife(err):
				loading++
			case err != nil:
				return fmt.Errorf("%s: %w", state.TransactionalID, err)
			default:
				number, err := strconv.Atoi(strings.TrimPrefix(state.TransactionalID, "id-"))
				if err != nil || state.ProducerID != producers[number] || state.State != "Empty" {
					return fmt.Errorf("%s is %+v", state.TransactionalID, state)
				}
			}
		}
		if loading == 0 {
			break
		}
	}
	last := len(producers) - 1
	producer, epoch, err := initProducer(ctx, broker, idName(last))
	if err == nil && (producer != producers[last] || epoch != 1) {
		err = fmt.Errorf("the last id has producer %d with epoch %d, not %d with 1", producer, epoch, producers[last])
	}
	return err
}

// memory is the broker's resident memory in MB.
func (p *part) memory() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.broker.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, is := strings.CutPrefix(line, "VmRSS:"); is {
			kilobytes, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			return kilobytes / 1024, err
		}
	}
	return 0, errors.New("the broker has no memory")
}
