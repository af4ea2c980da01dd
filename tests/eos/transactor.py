"""transactor.py ADDRESS: does with confluent-kafka what each line of its input says, and answers with a line.

clients.go has the commands; java/Transactor.java does the same with Kafka's own client.
"""

import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
address = sys.argv[1]
producers = {}


def send(producer, topic, partition, value):
    errors = []
    producer.produce(topic, value, partition=int(partition), on_delivery=lambda error, _: errors.append(error))
    while not errors:
        producer.poll(0.1)
    if errors[0]:
        raise KafkaException(errors[0])


def offset(producer, group, topic, partition, at):
    consumer = Consumer({"bootstrap.servers": address, "group.id": group})
    place = TopicPartition(topic, int(partition), int(at))
    try:
        producer.send_offsets_to_transaction([place], consumer.consumer_group_metadata(), 30)
    finally:
        consumer.close()


def act(command, name, *words):
    if command == "init":
        config = {"transactional.id": words[0], "transaction.timeout.ms": int(words[1]), "message.timeout.ms": int(words[1])}
        producers[name] = Producer({"bootstrap.servers": address, "linger.ms": 0, "log_level": 0, **config})
        producers[name].init_transactions(30)
    elif command == "begin":
        producers[name].begin_transaction()
    elif command == "send":
        send(producers[name], *words)
    elif command == "offset":
        offset(producers[name], *words)
    elif command == "commit":
        producers[name].commit_transaction(30)
    elif command == "abort":
        producers[name].abort_transaction(30)
    elif command == "close":
        del producers[name]
    else:
        raise ValueError(command)


for line in sys.stdin:
    try:
        act(*line.split())
        answer = "ok"
    except KafkaException as refused:
        error = refused.args[0]
        kind = "fenced" if error.code() in FENCED else "failed"
        answer = f"{kind} {'fatal ' if error.fatal() else ''}{error}".replace("\n", " ")
    print(answer, flush=True)
