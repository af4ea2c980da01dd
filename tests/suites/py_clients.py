"""py_clients.py HOST:PORT: what programs written with confluent-kafka (librdkafka) and with aiokafka (which speaks
the protocol itself) do, step by step; one result line per step."""

import asyncio
import sys
import threading
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, ElectionType, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType,
    ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion,
)

BOOTSTRAP = sys.argv[1]
HOST, PORT = BOOTSTRAP.split(":")
RUN = f"py-{time.time_ns()}"
TOPIC, TXN_TOPIC, AIO_TOPIC = f"{RUN}-ck", f"{RUN}-txn", f"{RUN}-aio"
CLASSIC, CONSUMER_848 = f"{RUN}-classic", f"{RUN}-consumer"
admin = AdminClient({"bootstrap.servers": BOOTSTRAP})


def step(name):
    """Runs the function it decorates at once, in a thread, so that a client that hangs costs one step only."""

    def run(function):
        outcome = []

        def guarded():
            try:
                function()
                outcome.append(None)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the verdict
                outcome.append(error)

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        thread.join(45)
        if outcome == [None]:
            print(f"pass {name}", flush=True)
        else:
            why = repr(outcome[0]) if outcome else "not done after 45 s"
            print(f"fail {name} # {why[:200]}".replace("\n", " "), flush=True)
        return function

    return run


def all_done(futures, seconds=10):
    return [future.result(seconds) for future in futures.values()]


@step("confluent create_topics")
def _():
    all_done(admin.create_topics([NewTopic(TOPIC, 3, 1), NewTopic(TXN_TOPIC, 1, 1), NewTopic(AIO_TOPIC, 1, 1)]), 20)


def produce(**settings):
    failures = []
    producer = Producer({"bootstrap.servers": BOOTSTRAP, **settings})
    for i in range(100):
        producer.produce(TOPIC, key=str(i), value=f"v{i}", on_delivery=lambda e, _: e and failures.append(e))
    assert producer.flush(20) == 0, "not everything was acknowledged"
    assert not failures, failures


step("confluent produce")(produce)
for codec in ("gzip", "snappy", "lz4", "zstd"):
    step(f"confluent produce {codec}")(lambda codec=codec: produce(**{"compression.type": codec}))
step("confluent produce idempotent")(lambda: produce(**{"enable.idempotence": True}))


def consume(group, protocol, expected):
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP, "group.id": group, "group.protocol": protocol, "auto.offset.reset": "earliest",
    })
    consumer.subscribe([TOPIC])
    received, deadline = 0, time.time() + 30
    while received < expected and time.time() < deadline:
        record = consumer.poll(0.5)
        if record is not None and not record.error():
            received += 1
    if received:
        consumer.commit(asynchronous=False)
    consumer.close()
    assert received == expected, received


step("confluent consume in a classic group")(lambda: consume(CLASSIC, "classic", 600))
step("confluent consume in a consumer group (KIP-848)")(lambda: consume(CONSUMER_848, "consumer", 600))


@step("confluent transactions, read_committed")
def _():
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "transactional.id": RUN})
    producer.init_transactions(20)
    for i in range(6):
        producer.begin_transaction()
        producer.produce(TXN_TOPIC, str(i))
        producer.commit_transaction(20) if i % 2 == 0 else producer.abort_transaction(20)
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP, "group.id": f"{RUN}-txn", "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    })
    consumer.subscribe([TXN_TOPIC])
    values, deadline = [], time.time() + 8
    while time.time() < deadline:
        record = consumer.poll(0.5)
        if record is not None and not record.error():
            values.append(record.value())
    consumer.close()
    assert sorted(values) == [b"0", b"2", b"4"], values


@step("confluent an old transactional producer is fenced")
def _():
    old, new = (Producer({"bootstrap.servers": BOOTSTRAP, "transactional.id": f"{RUN}-fence"}) for _ in range(2))
    old.init_transactions(20)
    new.init_transactions(20)
    try:
        old.begin_transaction()
        old.produce(TXN_TOPIC, b"late")
        old.commit_transaction(20)
    except KafkaException as error:
        assert error.args[0].fatal(), error
        return
    raise AssertionError("the old producer could commit")


@step("confluent describe_cluster")
def _():
    cluster = admin.describe_cluster().result(10)
    assert cluster.cluster_id and [node.port for node in cluster.nodes] == [int(PORT)], cluster.nodes


@step("confluent list_consumer_groups")
def _():
    assert CLASSIC in [group.group_id for group in admin.list_consumer_groups().result(10).valid]


@step("confluent describe_consumer_groups")
def _():
    (group,) = all_done(admin.describe_consumer_groups([CLASSIC]))
    assert group.state.name == "EMPTY", group.state


@step("confluent list_consumer_group_offsets")
def _():
    (group,) = all_done(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(CLASSIC)]))
    assert sum(partition.offset for partition in group.topic_partitions) == 600


@step("confluent list_offsets of the newest timestamp")
def _():
    (result,) = all_done(admin.list_offsets({TopicPartition(TOPIC, 0): OffsetSpec.max_timestamp()}))
    assert result.offset >= 0 and result.timestamp > 0, result


@step("confluent incremental_alter_configs")
def _():
    change = ConfigEntry("retention.ms", "100000", incremental_operation=AlterConfigOpType.SET)
    all_done(admin.incremental_alter_configs([
        ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[change])]))


@step("confluent create_partitions")
def _():
    all_done(admin.create_partitions([NewPartitions(TOPIC, 5)]))


@step("confluent scram credentials")
def _():
    secret = UserScramCredentialUpsertion(RUN, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), b"secret")
    all_done(admin.alter_user_scram_credentials([secret]))
    all_done(admin.describe_user_scram_credentials([RUN]))


@step("confluent delete_records")
def _():
    (result,) = all_done(admin.delete_records([TopicPartition(TOPIC, 0, 1)]))
    assert result.low_watermark == 1, result.low_watermark


@step("confluent elect_leaders")
def _():
    admin.elect_leaders(ElectionType.PREFERRED, [TopicPartition(TOPIC, 0)]).result(10)


def sasl(mechanism, user):
    AdminClient({
        "bootstrap.servers": f"{HOST}:{int(PORT) + 1}", "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": "testpass",
    }).list_topics(timeout=8)


for mechanism, user in (("PLAIN", "testuser"), ("SCRAM-SHA-256", "scramuser"), ("SCRAM-SHA-512", "scramuser")):
    step(f"confluent sasl {mechanism}")(lambda mechanism=mechanism, user=user: sasl(mechanism, user))


async def aio_produce(**settings):
    async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, **settings) as producer:
        if "transactional_id" in settings:
            async with producer.transaction():
                for _ in range(5):
                    await producer.send_and_wait(AIO_TOPIC, b"in a transaction")
        else:
            for _ in range(5):
                await producer.send_and_wait(AIO_TOPIC, b"plain")


async def aio_consume(group, isolation_level, expected):
    async with AIOKafkaConsumer(
        AIO_TOPIC, bootstrap_servers=BOOTSTRAP, group_id=group, auto_offset_reset="earliest",
        isolation_level=isolation_level,
    ) as consumer:
        received = 0
        while received < expected:
            batches = await asyncio.wait_for(consumer.getmany(timeout_ms=1000), 30)
            received += sum(len(records) for records in batches.values())
        await consumer.commit()
    assert received == expected, received


step("aiokafka produce")(lambda: asyncio.run(aio_produce()))
step("aiokafka produce idempotent")(lambda: asyncio.run(aio_produce(enable_idempotence=True)))
for codec in ("gzip", "snappy", "lz4", "zstd"):
    step(f"aiokafka produce {codec}")(lambda codec=codec: asyncio.run(aio_produce(compression_type=codec)))
step("aiokafka consume in a group")(lambda: asyncio.run(aio_consume(f"{RUN}-aio", "read_committed", 30)))
step("aiokafka transaction")(lambda: asyncio.run(aio_produce(transactional_id=f"{RUN}-aio")))
step("aiokafka consume a transaction, read_committed")(
    lambda: asyncio.run(aio_consume(f"{RUN}-aio-txn", "read_committed", 35)))


@step("confluent delete_consumer_groups")
def _():
    all_done(admin.delete_consumer_groups([CLASSIC]))


@step("confluent delete_topics")
def _():
    all_done(admin.delete_topics([TOPIC, TXN_TOPIC, AIO_TOPIC]))
