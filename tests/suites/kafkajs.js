// kafkajs.js HOST:PORT: what a program written with kafkajs does, step by step; one result line per step.
// kafkajs speaks old versions of most APIs, which is why it is here.

const assert = require('assert');
const { Kafka, logLevel, CompressionTypes } = require('kafkajs');

const bootstrap = process.argv[2];
const [host, port] = bootstrap.split(':');
const run = `kafkajs-${process.pid}-${Date.now()}`;
const topic = `${run}-topic`;
const txnTopic = `${run}-txn`;
const group = `${run}-group`;

const client = (options = {}) =>
  new Kafka({ clientId: run, brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 3 }, ...options });
const kafka = client();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function step(name, action) {
  let timer;
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('not done after 30 s')), 30000);
  });
  try {
    await Promise.race([action(), tooLong]);
    console.log(`pass ${name}`);
  } catch (error) {
    console.log(`fail ${name} # ${String(error.message).replace(/\n/g, ' ').slice(0, 200)}`);
  } finally {
    clearTimeout(timer);
  }
}

async function consume(from, groupId, count) {
  const consumer = kafka.consumer({ groupId });
  const received = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [from], fromBeginning: true });
    await new Promise((resolve) => {
      consumer.run({
        eachMessage: async (record) => {
          received.push(record);
          if (received.length >= count) resolve();
        },
      });
    });
  } finally {
    await consumer.disconnect();
  }
  return received;
}

async function twoMembersShareThreePartitions() {
  const held = {};
  const consumers = [];
  for (const name of ['first', 'second']) {
    const consumer = kafka.consumer({ groupId: `${group}-shared` });
    consumers.push(consumer);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      held[name] = (payload.memberAssignment[topic] || []).length;
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic] });
    await consumer.run({ eachMessage: async () => {} });
  }
  const deadline = Date.now() + 25000;
  while (!(held.first > 0 && held.second > 0 && held.first + held.second === 3)) {
    assert(Date.now() < deadline, `assignments: ${JSON.stringify(held)}`);
    await pause(100);
  }
  for (const consumer of consumers) await consumer.disconnect();
}

async function transactions(admin) {
  const producer = kafka.producer({ transactionalId: run, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (const [value, ending] of [['first', 'commit'], ['dropped', 'abort'], ['last', 'commit']]) {
    const transaction = await producer.transaction();
    await transaction.send({ topic: txnTopic, messages: [{ value }] });
    if (value === 'last') {
      const partitions = [{ partition: 0, offset: '3' }];
      await transaction.sendOffsets({ consumerGroupId: `${group}-in-txn`, topics: [{ topic, partitions }] });
    }
    await transaction[ending]();
  }
  await producer.disconnect();
  const received = await consume(txnTopic, `${group}-committed`, 2);
  assert.deepEqual(received.map(({ message }) => message.value.toString()), ['first', 'last']);
}

async function main() {
  const admin = kafka.admin();
  await step('admin connects', () => admin.connect());
  await step('createTopics', async () => {
    const topics = [
      { topic, numPartitions: 3, replicationFactor: 1 },
      { topic: txnTopic, numPartitions: 1, replicationFactor: 1 },
    ];
    assert(await admin.createTopics({ topics }));
  });
  await step('createTopics of an existing topic says no', async () => {
    assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] }), false);
  });
  await step('listTopics', async () => assert((await admin.listTopics()).includes(topic)));
  await step('fetchTopicMetadata', async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    assert.equal(topics[0].partitions.length, 3);
  });
  await step('describeCluster', async () => {
    const cluster = await admin.describeCluster();
    assert.equal(cluster.brokers.length, 1);
    assert.equal(cluster.brokers[0].port, +port);
    assert(cluster.clusterId);
  });

  const producer = kafka.producer();
  await step('producer connects', () => producer.connect());
  await step('send with keys and headers', async () => {
    const messages = [...Array(20).keys()].map((i) => ({ key: `k${i}`, value: `v${i}`, headers: { h: 'x' } }));
    await producer.send({ topic, messages });
  });
  await step('send gzip', () =>
    producer.send({ topic, compression: CompressionTypes.GZIP, messages: [{ value: 'z'.repeat(5000) }] }));
  for (const acks of [0, 1, -1]) {
    await step(`send with acks ${acks}`, () => producer.send({ topic, acks, messages: [{ value: `acks ${acks}` }] }));
  }
  await step('consume in a group', async () => {
    const received = await consume(topic, group, 24);
    const keyed = received.filter(({ message }) => message.key !== null);
    assert.equal(keyed.length, 20);
    assert(keyed.every(({ message }) => message.headers.h.toString() === 'x'));
  });
  await step('two members share the partitions', twoMembersShareThreePartitions);
  await step('fetchOffsets', async () => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    assert.equal(partitions.reduce((sum, { offset }) => sum + Math.max(0, +offset), 0), 24);
  });
  await step('fetchTopicOffsets', async () => {
    const offsets = await admin.fetchTopicOffsets(topic);
    assert.equal(offsets.reduce((sum, { high }) => sum + +high, 0), 24);
  });
  await step('fetchTopicOffsetsByTimestamp', async () => {
    assert.equal((await admin.fetchTopicOffsetsByTimestamp(topic, 0)).length, 3);
  });
  await step('resetOffsets to earliest', () => admin.resetOffsets({ groupId: group, topic, earliest: true }));
  await step('consume again after the reset', async () => {
    assert.equal((await consume(topic, group, 24)).length, 24);
  });
  await step('listGroups', async () => {
    assert((await admin.listGroups()).groups.some(({ groupId }) => groupId === group));
  });
  await step('describeGroups', async () => {
    assert.equal((await admin.describeGroups([group])).groups[0].state, 'Empty');
  });
  await step('deleteGroups', () => admin.deleteGroups([group]));
  await step('createPartitions', async () => {
    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
    await pause(500);
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    assert.equal(topics[0].partitions.length, 5);
  });
  await step('describeConfigs', async () => {
    const { resources } = await admin.describeConfigs({ resources: [{ type: 2, name: topic }] });
    assert(resources[0].configEntries.some(({ configName }) => configName === 'retention.ms'));
  });
  await step('alterConfigs', async () => {
    const resource = { type: 2, name: topic };
    await admin.alterConfigs({
      resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '1000000' }] }],
    });
    await pause(300);
    const { resources } = await admin.describeConfigs({ resources: [{ ...resource, configNames: ['retention.ms'] }] });
    assert.equal(resources[0].configEntries[0].configValue, '1000000');
  });
  await step('deleteTopicRecords', () =>
    admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1' }] }));
  await step('acls', async () => {
    const rule = {
      resourceType: 2, resourceName: topic, resourcePatternType: 3, host: '*', operation: 3, permissionType: 3,
    };
    await admin.createAcls({ acl: [{ ...rule, principal: 'User:kafkajs' }] });
    await pause(300);
    assert.equal((await admin.describeAcls(rule)).resources.length, 1);
    await admin.deleteAcls({ filters: [{ ...rule, principal: 'User:kafkajs' }] });
  });
  await step('idempotent producer', async () => {
    const idempotent = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await idempotent.connect();
    await idempotent.send({ topic, messages: [{ value: 'once' }] });
    await idempotent.disconnect();
  });
  await step('transactions', () => transactions(admin));
  await step('offsets committed in a transaction', async () => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId: `${group}-in-txn`, topics: [topic] });
    assert.equal(partitions.find(({ partition }) => partition === 0).offset, '3');
  });

  const secured = (mechanism, username, password) =>
    client({
      brokers: [`${host}:${+port + 1}`], retry: { retries: 0 }, sasl: { mechanism, username, password },
    }).admin();
  for (const [mechanism, user] of [['plain', 'testuser'], ['scram-sha-256', 'scramuser'], ['scram-sha-512', 'scramuser']]) {
    await step(`sasl ${mechanism}`, async () => {
      const connection = secured(mechanism, user, 'testpass');
      await connection.connect();
      await connection.listTopics();
      await connection.disconnect();
    });
  }
  await step('sasl refuses a wrong password', async () => {
    await assert.rejects(secured('plain', 'testuser', 'wrong').connect(), /[Aa]uthentication/);
  });
  await step('deleteTopics', () => admin.deleteTopics({ topics: [topic, txnTopic] }));
  await producer.disconnect();
  await admin.disconnect();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.log(`fail (the script) # ${error.message}`);
    process.exit(1);
  },
);
