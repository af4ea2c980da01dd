package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// perTransaction is how many records a transaction has.
const perTransaction = 100

// transactions is one producer that commits a transaction after the other, and says how long a commit takes: all of its
// records are acknowledged before.
func transactions(o options) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(o.seconds+60)*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(o.broker), kgo.DefaultProduceTopic(o.topic),
		kgo.TransactionalID("bench-"+o.topic), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	value := payload(o.size)
	// The first one has the coordinator's topic made, which is then told what the data's topic is told.
	if _, err := transaction(ctx, client, value); err != nil {
		return nil, err
	}
	if o.configs != "" {
		if err := configure(ctx, client, "__transaction_state", o.configs); err != nil {
			return nil, err
		}
	}
	var commits []float64
	begun := time.Now()
	for time.Since(begun) < time.Duration(o.seconds)*time.Second {
		took, err := transaction(ctx, client, value)
		if err != nil {
			return nil, err
		}
		commits = append(commits, float64(took.Microseconds())/1000)
	}
	seconds := time.Since(begun).Seconds()
	slices.Sort(commits)
	at := func(share float64) float64 { return commits[int(share*float64(len(commits)-1))] }
	return map[string]any{
		"transactions": len(commits), "seconds": seconds, "transactions_per_s": float64(len(commits)) / seconds,
		"commit_p50_ms": at(0.5), "commit_p99_ms": at(0.99),
	}, nil
}

// transaction writes and commits one; gives the time of the commit.
func transaction(ctx context.Context, client *kgo.Client, value []byte) (time.Duration, error) {
	if err := client.BeginTransaction(); err != nil {
		return 0, err
	}
	var failure error
	for range perTransaction {
		client.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failure = err
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return 0, err
	}
	if failure != nil {
		return 0, failure
	}
	begun := time.Now()
	err := client.EndTransaction(ctx, kgo.TryCommit)
	return time.Since(begun), err
}

func configure(ctx context.Context, client *kgo.Client, topic, configs string) error {
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType = kmsg.ConfigResourceTypeTopic
	resource.ResourceName = topic
	for _, pair := range strings.Split(configs, ",") {
		key, value, found := strings.Cut(pair, "=")
		if !found {
			return fmt.Errorf("%s is not KEY=VALUE", pair)
		}
		config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		config.Name, config.Value = key, &value
		resource.Configs = append(resource.Configs, config)
	}
	request.Resources = append(request.Resources, resource)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, resource := range response.Resources {
		if err := kerr.ErrorForCode(resource.ErrorCode); err != nil {
			return errors.Join(err, fmt.Errorf("%s", topic))
		}
	}
	return nil
}
