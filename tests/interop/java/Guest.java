import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;

/**
 * Kafka's own client, which stays while the broker under it is exchanged: what Transactor can do, and groups of every kind. ../load
 * has the commands.
 *
 * Usage: Guest ADDRESS
 */
public class Guest extends Transactor {
    static final long PATIENCE_MS = 60_000;
    final Map<String, AutoCloseable> members = new HashMap<>();

    Guest(String address) {
        super(address);
    }

    public static void main(String[] args) throws Exception {
        serve(new Guest(args[0]));
    }

    @Override
    String act(String[] words) throws Exception {
        switch (words[0]) {
            case "idempotent":
                idempotent(words[1], Integer.parseInt(words[2]));
                break;
            case "consumer":
                consume(words[1], words[2], words[3], Integer.parseInt(words[4]));
                break;
            case "share":
                share(words[1], words[2], Integer.parseInt(words[3]));
                break;
            case "streams":
                streams(words[1], words[2], Integer.parseInt(words[3]));
                break;
            case "leave":
                members.remove(words[1]).close();
                break;
            case "group":
                return "ok " + group(words[1]);
            case "offsets":
                return "ok " + offsets(words[1]);
            case "read":
                return "ok " + read(words[1], words[2]);
            default:
                return super.act(words);
        }
        return "ok";
    }

    Properties properties(String group) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        properties.put("group.id", group);
        properties.put("enable.auto.commit", "false");
        return properties;
    }

    /** Any number of records to the topic, by a producer that counts them. */
    void idempotent(String topic, int count) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
            for (int at = 0; at < count; at++) {
                producer.send(new ProducerRecord<>(topic, "key" + at, String.valueOf(at)));
            }
        }
    }

    /** Reads so many records as a member of a group of the new protocol, commits, and stays. */
    void consume(String group, String topic, String instance, int count) {
        Properties properties = properties(group);
        properties.put("group.protocol", "consumer");
        properties.put("auto.offset.reset", "earliest");
        properties.put("max.poll.records", "50");
        if (!instance.equals("-")) {
            properties.put("group.instance.id", instance);
        }
        KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
        members.put(group, consumer);
        consumer.subscribe(List.of(topic));
        read(count, () -> consumer.poll(Duration.ofMillis(100)).count());
        consumer.commitSync();
    }

    void share(String group, String topic, int count) throws Exception {
        try (Admin admin = Admin.create(properties(group))) {
            ConfigEntry earliest = new ConfigEntry("share.auto.offset.reset", "earliest");
            Collection<AlterConfigOp> change = List.of(new AlterConfigOp(earliest, AlterConfigOp.OpType.SET));
            admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.GROUP, group), change)).all().get();
        }
        Properties properties = properties(group);
        properties.remove("enable.auto.commit");
        KafkaShareConsumer<String, String> consumer =
                new KafkaShareConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
        members.put(group, consumer);
        consumer.subscribe(List.of(topic));
        read(count, () -> consumer.poll(Duration.ofMillis(100)).count());
        consumer.commitSync();
    }

    void streams(String group, String topic, int count) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        properties.put("application.id", group);
        properties.put("group.protocol", "streams");
        properties.put("commit.interval.ms", "100");
        properties.put("auto.offset.reset", "earliest");
        properties.put("default.key.serde", Serdes.StringSerde.class);
        properties.put("default.value.serde", Serdes.StringSerde.class);
        properties.put("state.dir", System.getProperty("java.io.tmpdir"));
        AtomicInteger seen = new AtomicInteger();
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(topic).foreach((key, value) -> seen.incrementAndGet());
        KafkaStreams streams = new KafkaStreams(builder.build(), properties);
        members.put(group, streams);
        streams.start();
        for (long end = System.currentTimeMillis() + PATIENCE_MS; seen.get() < count; expect(end, seen.get())) {
            Thread.sleep(20);
        }
    }

    /** Polls until so many records have come. */
    static void read(int count, IntSupplier poll) {
        long end = System.currentTimeMillis() + PATIENCE_MS;
        for (int seen = 0; seen < count; expect(end, seen)) {
            seen += poll.getAsInt();
        }
    }

    static void expect(long end, int seen) {
        if (System.currentTimeMillis() > end) {
            throw new IllegalStateException("only " + seen + " records come");
        }
    }

    /** Type and protocol of a group, as soon as the broker knows it. */
    String group(String name) throws Exception {
        try (Admin admin = Admin.create(properties(name))) {
            for (long end = System.currentTimeMillis() + PATIENCE_MS; System.currentTimeMillis() < end; Thread.sleep(20)) {
                for (GroupListing group : admin.listGroups().all().get()) {
                    if (group.groupId().equals(name)) {
                        return group.type().get() + " " + group.protocol();
                    }
                }
            }
            return "unknown";
        }
    }

    /** What a group of any kind has committed. */
    String offsets(String name) throws Exception {
        TreeSet<String> found = new TreeSet<>();
        try (Admin admin = Admin.create(properties(name))) {
            admin.listConsumerGroupOffsets(name).partitionsToOffsetAndMetadata().get().forEach((place, offset) -> {
                if (offset != null) {
                    found.add(place + "@" + offset.offset() + offset.metadata());
                }
            });
        }
        return String.join(" ", found);
    }

    /** All values that a reader gets to see, sorted. */
    String read(String isolation, String topic) throws Exception {
        Properties properties = properties("nobody");
        properties.put("isolation.level", isolation);
        ArrayList<String> values = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            ArrayList<TopicPartition> places = new ArrayList<>();
            consumer.partitionsFor(topic).forEach(it -> places.add(new TopicPartition(topic, it.partition())));
            consumer.assign(places);
            consumer.seekToBeginning(places);
            Map<TopicPartition, Long> ends = consumer.endOffsets(places);
            while (places.stream().anyMatch(place -> consumer.position(place) < ends.get(place))) {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> values.add(record.value()));
            }
        }
        Collections.sort(values);
        return String.join(" ", values);
    }
}
