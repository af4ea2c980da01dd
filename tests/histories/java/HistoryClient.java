import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own client in the roles of client.go, one thread each; what a role does is said there.
 *
 * Usage: HistoryClient ADDRESS HISTORY ROLE[:ARGUMENT],... NUMBER SEED
 */
public class HistoryClient {
    static final Map<String, Integer> PARTITIONS = Map.of("txn", 4, "plain", 3, "in", 2, "out", 2);
    static final int TRANSACTION_TIMEOUT_MS = 10_000;
    static final AtomicLong values = new AtomicLong();
    static volatile boolean ends = false;
    static String address;
    static int number;
    static Recorder recorder;

    public static void main(String[] args) throws Exception {
        address = args[0];
        recorder = new Recorder(args[1]);
        number = Integer.parseInt(args[3]);
        List<Thread> playing = new ArrayList<>();
        String[] roles = args[2].split(",");
        for (int index = 0; index < roles.length; index++) {
            String[] role = roles[index].split(":");
            int process = number * 100 + index;
            Random random = new Random(Long.parseLong(args[4]) + index);
            Thread thread = new Thread(() -> new HistoryClient(process, random).play(role), roles[index]);
            thread.setUncaughtExceptionHandler((of, error) -> {
                error.printStackTrace();
                Runtime.getRuntime().halt(3);
            });
            playing.add(thread);
            thread.start();
        }
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            ends = true;
            for (Thread thread : playing) {
                try {
                    thread.join();
                } catch (InterruptedException interrupted) {
                    return;
                }
            }
        }));
        for (Thread thread : playing) {
            thread.join();
        }
    }

    /** Writes lines, each at once. */
    static class Recorder {
        final FileOutputStream file;
        int next;

        Recorder(String path) throws IOException {
            file = new FileOutputStream(path);
        }

        synchronized void write(String fields) {
            next++;
            String line = "{\"i\":" + next + ",\"t_ns\":" + System.nanoTime() + "," + fields + "}\n";
            try {
                file.write(line.getBytes(StandardCharsets.UTF_8));
            } catch (IOException failed) {
                throw new IllegalStateException(failed);
            }
        }
    }

    static class Send {
        final TopicPartition to;
        final long value;
        long offset = -1;
        long from;

        Send(TopicPartition to) {
            this.to = to;
            this.value = number * 10_000_000L + values.incrementAndGet();
        }

        String step() {
            return "[\"send\",\"" + to + "\",[" + (offset < 0 ? "null" : offset) + "," + value + "]"
                    + (from > 0 ? ",{\"from\":" + from + "}" : "") + "]";
        }
    }

    final int process;
    final Random random;
    String function;
    String more;

    HistoryClient(int process, Random random) {
        this.process = process;
        this.random = random;
    }

    void play(String[] role) {
        switch (role[0]) {
            case "transactor" -> transactor(role[1], 0);
            case "hijacker" -> transactor(role[1], 6000);
            case "copier" -> copier(role[1]);
            case "producer" -> producer();
            case "consumer" -> consumer(role[1]);
            case "member" -> member();
            default -> throw new IllegalArgumentException("no role is called " + role[0]);
        }
    }

    // The history.

    void begins(String f, String steps, String about) {
        function = f;
        more = about;
        says("invoke", steps, "");
    }

    void says(String type, String steps, String about) {
        recorder.write("\"proc\":" + process + ",\"type\":\"" + type + "\",\"f\":\"" + function + "\"" + more + about
                + (steps.isEmpty() ? "" : ",\"v\":[" + steps + "]"));
    }

    void failed(String type, String steps, Exception why) {
        String text = String.valueOf(why).replaceAll("[\"\\\\\\p{Cntrl}]", "'");
        says(type, steps, ",\"err\":\"" + text + "\"");
    }

    void once(String f, String steps, String about) {
        begins(f, "", about);
        says("ok", steps, "");
    }

    static String sends(List<Send> sends) {
        return sends.stream().map(Send::step).collect(Collectors.joining(","));
    }

    static String offsets(Map<TopicPartition, Long> offsets) {
        return "[\"offsets\",{" + offsets.entrySet().stream().map(at -> "\"" + at.getKey() + "\":" + at.getValue())
                .collect(Collectors.joining(",")) + "}]";
    }

    static String polled(Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records) {
        return "[\"poll\",{" + records.entrySet().stream().map(of -> "\"" + of.getKey() + "\":["
                + of.getValue().stream().map(record -> "[" + record.offset() + "," + value(record.value()) + "]")
                        .collect(Collectors.joining(",")) + "]").collect(Collectors.joining(",")) + "}]";
    }

    static String keys(Collection<TopicPartition> keys) {
        return "[" + keys.stream().map(key -> "\"" + key + "\"").collect(Collectors.joining(",")) + "]";
    }

    // Contents.

    static String sum(byte[] text) {
        CRC32 crc = new CRC32();
        crc.update(text);
        return String.format("%08x", crc.getValue());
    }

    byte[] content(long value) {
        String text = value + " " + "y".repeat(random.nextInt(300));
        return (sum(text.getBytes(StandardCharsets.UTF_8)) + " " + text).getBytes(StandardCharsets.UTF_8);
    }

    static Long value(byte[] content) {
        String[] parts = new String(content, StandardCharsets.UTF_8).split(" ", 2);
        if (parts.length < 2 || !sum(parts[1].getBytes(StandardCharsets.UTF_8)).equals(parts[0])) {
            return null;
        }
        return Long.valueOf(parts[1].split(" ", 2)[0]);
    }

    // Clients.

    Send send(String topic) {
        return new Send(new TopicPartition(topic, random.nextInt(PARTITIONS.get(topic))));
    }

    void pause(int millis) {
        try {
            for (int left = millis; left > 0 && !ends; left -= 100) {
                Thread.sleep(Math.min(left, 100));
            }
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    static Properties properties() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        properties.put("reconnect.backoff.ms", "20");
        properties.put("reconnect.backoff.max.ms", "200");
        properties.put("retry.backoff.ms", "50");
        properties.put("retry.backoff.max.ms", "200");
        return properties;
    }

    static KafkaProducer<byte[], byte[]> newProducer(String id) {
        Properties properties = properties();
        properties.put("delivery.timeout.ms", String.valueOf(TRANSACTION_TIMEOUT_MS));
        properties.put("request.timeout.ms", "5000");
        properties.put("max.block.ms", "15000");
        properties.put("linger.ms", "1");
        if (id != null) {
            properties.put("transactional.id", id);
            properties.put("transaction.timeout.ms", String.valueOf(TRANSACTION_TIMEOUT_MS));
        }
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** Writes the records and waits for all answers; the first failure is returned. */
    Exception sendAll(KafkaProducer<byte[], byte[]> producer, List<Send> sends) {
        Map<Send, Future<RecordMetadata>> answers = new LinkedHashMap<>();
        Exception failed = null;
        try {
            for (Send send : sends) {
                answers.put(send, producer.send(
                        new ProducerRecord<>(send.to.topic(), send.to.partition(), null, content(send.value))));
            }
        } catch (KafkaException | IllegalStateException refused) {
            failed = refused;
        }
        for (Map.Entry<Send, Future<RecordMetadata>> answer : answers.entrySet()) {
            try {
                answer.getKey().offset = answer.getValue().get().offset();
            } catch (ExecutionException refused) {
                failed = refused;
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException(interrupted);
            }
        }
        return failed;
    }

    void producer() {
        KafkaProducer<byte[], byte[]> producer = newProducer(null);
        while (!ends) {
            List<Send> sends = new ArrayList<>();
            for (int left = 1 + random.nextInt(4); left > 0; left--) {
                sends.add(send(new String[] {"plain", "plain", "in", "txn"}[random.nextInt(4)]));
            }
            begins("send", sends(sends), "");
            Exception failed = sendAll(producer, sends);
            if (failed == null) {
                says("ok", sends(sends), "");
            } else {
                failed("info", sends(sends), failed);
            }
            pause(random.nextInt(60));
        }
        producer.close(Duration.ofSeconds(5));
    }

    void transactor(String id, int rest) {
        String group = id + "-" + process;
        try (Reader reader = new Reader(group, "read_committed")) {
            reader.starts();
            while (!ends) {
                pause(rest / 2 + random.nextInt(rest + 1));
                KafkaProducer<byte[], byte[]> producer = newTransactional(id);
                for (int count = 0; producer != null && !ends && (rest == 0 || count < 5); count++) {
                    Transaction transaction = new Transaction(producer, reader);
                    for (int left = 1 + random.nextInt(4); left > 0; left--) {
                        transaction.sends.add(send("txn"));
                    }
                    begins("txn", sends(transaction.sends), ",\"txn_id\":\"" + id + "\",\"group\":\"" + group + "\"");
                    transaction.run();
                    if (!transaction.committed) {
                        reader.rewinds();
                    }
                    if (!transaction.usable) {
                        break;
                    }
                    pause(random.nextInt(80));
                }
                if (producer != null) {
                    producer.close(Duration.ofSeconds(5));
                }
            }
        }
    }

    KafkaProducer<byte[], byte[]> newTransactional(String id) {
        KafkaProducer<byte[], byte[]> producer = newProducer(id);
        begins("init", "", ",\"txn_id\":\"" + id + "\"");
        try {
            producer.initTransactions();
            says("ok", "", "");
            return producer;
        } catch (KafkaException failed) {
            failed("info", "", failed);
            producer.close(Duration.ZERO);
            pause(200);
            return null;
        }
    }

    class Transaction {
        final KafkaProducer<byte[], byte[]> producer;
        final Reader reader;
        final List<Send> sends = new ArrayList<>();
        Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> polled = Map.of();
        Map<TopicPartition, Long> offsets = Map.of();
        ConsumerGroupMetadata metadata;
        boolean committed;
        boolean usable = true;

        Transaction(KafkaProducer<byte[], byte[]> producer, Reader reader) {
            this.producer = producer;
            this.reader = reader;
        }

        String steps() {
            List<String> steps = new ArrayList<>();
            if (!polled.isEmpty()) {
                steps.add(HistoryClient.polled(polled));
            }
            sends.forEach(send -> steps.add(send.step()));
            if (!offsets.isEmpty()) {
                steps.add(HistoryClient.offsets(offsets));
            }
            return String.join(",", steps);
        }

        void run() {
            try {
                producer.beginTransaction();
            } catch (KafkaException | IllegalStateException failed) {
                usable = false;
                failed("fail", steps(), failed);
                return;
            }
            int looks = random.nextInt(3);
            if (reader != null && looks == 0) {
                look();
            }
            Exception failed = sendAll(producer, sends);
            if (failed != null) {
                aborts(failed);
                return;
            }
            if (reader != null && looks == 1) {
                look();
            }
            if (!offsets.isEmpty()) {
                try {
                    producer.sendOffsetsToTransaction(withMetadata(offsets), metadata);
                } catch (KafkaException | IllegalStateException refused) {
                    aborts(refused);
                    return;
                }
            }
            if (random.nextInt(5) == 0) {
                aborts(null);
                return;
            }
            if (random.nextInt(60) == 0) {
                pause(random.nextInt(15) * 1000);
            }
            says("progress", steps(), "");
            commits();
        }

        void look() {
            polled = reader.poll(100);
            offsets = behind(polled);
            metadata = reader.consumer.groupMetadata();
        }

        /** It was never to be committed, whatever the answer is. */
        void aborts(Exception why) {
            for (long end = System.nanoTime() + 45_000_000_000L;;) {
                try {
                    producer.abortTransaction();
                } catch (TimeoutException late) {
                    if (System.nanoTime() < end) {
                        continue;
                    }
                    usable = false;
                } catch (KafkaException | IllegalStateException failed) {
                    usable = false;
                }
                failed("fail", steps(), why);
                return;
            }
        }

        void commits() {
            for (long end = System.nanoTime() + 45_000_000_000L;;) {
                try {
                    producer.commitTransaction();
                    says("ok", steps(), "");
                    committed = true;
                    return;
                } catch (TimeoutException late) {
                    if (System.nanoTime() < end) {
                        continue;
                    }
                    usable = false;
                    failed("info", steps(), late);
                    return;
                } catch (KafkaException | IllegalStateException failed) {
                    // It may have been committed, and only the answer was lost.
                    failed("info", steps(), failed);
                    try {
                        producer.abortTransaction();
                    } catch (KafkaException | IllegalStateException fatal) {
                        usable = false;
                    }
                    return;
                }
            }
        }
    }

    void copier(String id) {
        try (Reader reader = new Reader("copier", "read_committed")) {
            reader.subscribes("in");
            while (!ends) {
                KafkaProducer<byte[], byte[]> producer = newTransactional(id);
                while (producer != null && !ends) {
                    Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records = reader.polls(200);
                    if (records.isEmpty()) {
                        continue;
                    }
                    Transaction transaction = new Transaction(producer, null);
                    for (List<ConsumerRecord<byte[], byte[]>> of : records.values()) {
                        for (ConsumerRecord<byte[], byte[]> record : of) {
                            Send send = send("out");
                            send.from = value(record.value());
                            transaction.sends.add(send);
                        }
                    }
                    transaction.offsets = behind(records);
                    transaction.metadata = reader.consumer.groupMetadata();
                    begins("txn", sends(transaction.sends), ",\"txn_id\":\"" + id + "\",\"group\":\"copier\"");
                    transaction.run();
                    if (!transaction.committed) {
                        reader.rewinds();
                    }
                    if (!transaction.usable) {
                        break;
                    }
                }
                if (producer != null) {
                    producer.close(Duration.ofSeconds(5));
                }
            }
        }
    }

    void consumer(String isolation) {
        try (Reader reader = new Reader("alone-" + process, isolation)) {
            reader.starts();
            while (!ends) {
                Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records = reader.polls(200);
                if (!records.isEmpty() && random.nextInt(4) == 0) {
                    reader.commits(behind(records));
                }
                if (random.nextInt(100) == 0) {
                    reader.rewinds();
                }
            }
        }
    }

    void member() {
        while (!ends) {
            try (Reader reader = new Reader("members", "read_uncommitted")) {
                reader.subscribes("plain");
                long end = System.nanoTime() + (5 + random.nextInt(15)) * 1_000_000_000L;
                while (System.nanoTime() < end && !ends) {
                    Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records = reader.polls(200);
                    if (!records.isEmpty()) {
                        reader.commits(behind(records));
                    }
                }
            }
        }
    }

    static Map<TopicPartition, Long> behind(Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records) {
        Map<TopicPartition, Long> offsets = new HashMap<>();
        records.forEach((key, of) -> offsets.put(key, of.get(of.size() - 1).offset() + 1));
        return offsets;
    }

    static Map<TopicPartition, OffsetAndMetadata> withMetadata(Map<TopicPartition, Long> offsets) {
        Map<TopicPartition, OffsetAndMetadata> all = new HashMap<>();
        offsets.forEach((key, offset) -> all.put(key, new OffsetAndMetadata(offset)));
        return all;
    }

    /** A consumer that tells where it is. */
    class Reader implements AutoCloseable, ConsumerRebalanceListener {
        final KafkaConsumer<byte[], byte[]> consumer;
        final String about;
        final String group;
        final List<TopicPartition> assigned = new ArrayList<>();
        final Set<TopicPartition> rebalanced = new HashSet<>();
        boolean subscribed;

        Reader(String group, String isolation) {
            Properties properties = properties();
            properties.put("group.id", group);
            properties.put("auto.offset.reset", "earliest");
            properties.put("enable.auto.commit", "false");
            properties.put("isolation.level", isolation);
            properties.put("fetch.max.wait.ms", "100");
            properties.put("session.timeout.ms", "6000");
            properties.put("heartbeat.interval.ms", "500");
            properties.put("request.timeout.ms", "5000");
            properties.put("default.api.timeout.ms", "10000");
            properties.put("max.poll.records", "30");
            properties.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor");
            consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            about = ",\"group\":\"" + group + "\",\"isolation\":\"" + isolation + "\"";
            this.group = group;
        }

        void starts() {
            for (int partition = 0; partition < PARTITIONS.get("txn"); partition++) {
                assigned.add(new TopicPartition("txn", partition));
            }
            rewinds();
        }

        void subscribes(String topic) {
            subscribed = true;
            once("subscribe", "", about);
            consumer.subscribe(List.of(topic), this);
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            rebalanced.addAll(partitions);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            rebalanced.addAll(partitions);
        }

        /** Goes to what is committed. */
        void rewinds() {
            Set<TopicPartition> places = subscribed ? consumer.assignment() : new HashSet<>(assigned);
            while (!ends && !places.isEmpty()) {
                begins("committed", "", about);
                Map<TopicPartition, Long> offsets = new HashMap<>();
                try {
                    Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(places);
                    committed.forEach((key, at) -> offsets.put(key, at == null ? null : Long.valueOf(at.offset())));
                } catch (KafkaException failed) {
                    failed("info", "", failed);
                    pause(100);
                    continue;
                }
                says("ok", offsets(offsets), "");
                offsets.replaceAll((key, at) -> at == null ? 0 : at);
                if (!subscribed) {
                    consumer.assign(assigned);
                }
                for (Map.Entry<TopicPartition, Long> at : offsets.entrySet()) {
                    consumer.seek(at.getKey(), at.getValue());
                }
                once(subscribed ? "seek" : "assign", offsets(offsets), about);
                return;
            }
        }

        Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> poll(int millis) {
            Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records = new LinkedHashMap<>();
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(millis))) {
                records.computeIfAbsent(new TopicPartition(record.topic(), record.partition()), key -> new ArrayList<>())
                        .add(record);
            }
            return records;
        }

        Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> polls(int millis) {
            begins("poll", "", about);
            Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records = Map.of();
            try {
                records = poll(millis);
                says("ok", polled(records), rebalanced.isEmpty() ? "" : ",\"rebalanced\":" + keys(rebalanced));
            } catch (KafkaException failed) {
                failed("info", "", failed);
            }
            if (!rebalanced.isEmpty()) {
                rebalanced.clear();
                int generation = consumer.groupMetadata().generationId();
                Set<TopicPartition> owned = generation < 0 ? Collections.emptySet() : consumer.assignment();
                once("rebalance", "[\"keys\"," + keys(owned) + "]", about + ",\"generation\":" + generation);
            }
            return records;
        }

        void commits(Map<TopicPartition, Long> offsets) {
            begins("commit", offsets(offsets), about);
            try {
                consumer.commitSync(withMetadata(offsets), Duration.ofSeconds(5));
                says("ok", "", "");
            } catch (KafkaException failed) {
                // It may have been done before the answer was lost and the next try refused.
                failed("info", "", failed);
            }
        }

        @Override
        public void close() {
            consumer.close(Duration.ofSeconds(5));
        }
    }
}
