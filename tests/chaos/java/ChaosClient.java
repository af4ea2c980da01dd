import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own client as one of the producers and one of the groups. It tells on its output what it saw:
 *
 *   a PLACE N OFFSET           a record was acknowledged
 *   f PLACE N TEXT             a record was given up
 *   d PLACE OFFSET PRODUCER N  the group was given a record
 *   x PLACE OFFSET             the group was given what no producer wrote
 *   c PLACE OFFSET             the group's offset was committed
 *   flushed                    nothing is on its way any more
 *
 * A line on its input ends the producer, the input's end the programme.
 *
 * Usage: ChaosClient ADDRESS TOPIC:PARTITION,... PRODUCER RATE SEED GROUP
 */
public class ChaosClient {
    static final int MAGIC = 0x4f74;
    static final StringBuilder lines = new StringBuilder();
    static volatile boolean writing = true;
    static volatile boolean reading = true;
    static List<TopicPartition> places = new ArrayList<>();

    public static void main(String[] args) throws Exception {
        for (String place : args[1].split(",")) {
            int colon = place.lastIndexOf(':');
            places.add(new TopicPartition(place.substring(0, colon), Integer.parseInt(place.substring(colon + 1))));
        }
        int producer = Integer.parseInt(args[2]);
        Thread writer = new Thread(() -> write(args[0], producer, Integer.parseInt(args[3]), Long.parseLong(args[4])));
        Thread reader = new Thread(() -> read(args[0], args[5]));
        for (Thread thread : List.of(writer, reader)) {
            thread.setUncaughtExceptionHandler((of, error) -> {
                error.printStackTrace();
                Runtime.getRuntime().halt(3);
            });
            thread.start();
        }
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        if (input.readLine() == null) {
            // Whoever started this is gone: nothing may go on writing to the next broker at this address.
            Runtime.getRuntime().halt(1);
        }
        writing = false;
        writer.join();
        say("flushed");
        print();
        input.readLine();
        reading = false;
        reader.join();
        print();
    }

    static Properties properties(String address) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        properties.put("reconnect.backoff.ms", "20");
        properties.put("reconnect.backoff.max.ms", "100");
        properties.put("retry.backoff.ms", "20");
        properties.put("retry.backoff.max.ms", "100");
        return properties;
    }

    static void write(String address, int id, int rate, long seed) {
        Properties properties = properties(address);
        properties.put("delivery.timeout.ms", String.valueOf(Integer.MAX_VALUE));
        properties.put("max.block.ms", String.valueOf(Integer.MAX_VALUE));
        properties.put("linger.ms", "2");
        properties.put("compression.type", "lz4");
        Random random = new Random(seed);
        int[] next = new int[places.size()];
        Semaphore window = new Semaphore(400);
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
            int place = 0;
            while (writing) {
                int count = (int) (rate * 0.02 * random.nextDouble());
                for (int index = 0; index < count; index++) {
                    if (index == 0 || random.nextInt(4) == 0) {
                        place = random.nextInt(places.size());
                    }
                    int n = next[place]++;
                    send(producer, window, place, n, value(id, place, n, random));
                }
                print();
                Thread.sleep(10);
            }
            window.acquire(400);
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    static void send(KafkaProducer<byte[], byte[]> producer, Semaphore window, int place, int n, byte[] value)
            throws InterruptedException {
        window.acquire();
        TopicPartition to = places.get(place);
        producer.send(new ProducerRecord<>(to.topic(), to.partition(), null, value), (metadata, error) -> {
            if (error == null) {
                say("a " + place + " " + n + " " + (metadata.hasOffset() ? metadata.offset() : -1));
            } else {
                say("f " + place + " " + n + " " + error);
            }
            window.release();
        });
    }

    static byte[] value(int producer, int place, int n, Random random) {
        int dice = random.nextInt(1000);
        int size = dice < 2 ? 10_000 + random.nextInt(40_000) : dice < 60 ? 1_000 + random.nextInt(3_000) : 20 + random.nextInt(200);
        byte[] payload = new byte[size];
        random.nextBytes(payload);
        for (int index = 0; index < size; index++) {
            payload[index] = (byte) (payload[index] & 0x0f | 0x40);
        }
        ByteBuffer value = ByteBuffer.allocate(14 + size);
        value.putShort((short) MAGIC).putShort((short) producer).putShort((short) place).putInt(n).put(payload);
        value.putInt(crc(value.array()));
        return value.array();
    }

    static int crc(byte[] value) {
        CRC32 crc = new CRC32();
        crc.update(value, 0, value.length - 4);
        return (int) crc.getValue();
    }

    static void read(String address, String group) {
        Properties properties = properties(address);
        properties.put("group.id", group);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("fetch.max.wait.ms", "100");
        properties.put("heartbeat.interval.ms", "300");
        Map<TopicPartition, Integer> indexes = new HashMap<>();
        for (int place = 0; place < places.size(); place++) {
            indexes.put(places.get(place), place);
        }
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(places.stream().map(TopicPartition::topic).collect(Collectors.toSet()));
            while (reading) {
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    TopicPartition from = new TopicPartition(record.topic(), record.partition());
                    tell(indexes.get(from), record);
                    offsets.put(from, new OffsetAndMetadata(record.offset() + 1));
                }
                // What was given is told before what is committed, or a commit could be seen of records nobody heard of.
                print();
                commit(consumer, offsets, indexes);
                print();
            }
        }
    }

    static void tell(int place, ConsumerRecord<byte[], byte[]> record) {
        ByteBuffer value = ByteBuffer.wrap(record.value());
        boolean ours = value.capacity() >= 14 && value.getShort(0) == MAGIC && value.getShort(4) == place
                && value.getInt(value.capacity() - 4) == crc(record.value());
        if (ours) {
            say("d " + place + " " + record.offset() + " " + value.getShort(2) + " " + value.getInt(6));
        } else {
            say("x " + place + " " + record.offset());
        }
    }

    static void commit(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, OffsetAndMetadata> offsets,
            Map<TopicPartition, Integer> indexes) {
        if (offsets.isEmpty()) {
            return;
        }
        try {
            consumer.commitSync(offsets, Duration.ofSeconds(2));
            offsets.forEach((place, offset) -> say("c " + indexes.get(place) + " " + offset.offset()));
        } catch (KafkaException refused) {
            // The broker may be gone; the next commit says the same and more.
        }
    }

    static void say(String line) {
        synchronized (lines) {
            lines.append(line).append('\n');
        }
    }

    static void print() {
        synchronized (lines) {
            System.out.print(lines);
            System.out.flush();
            lines.setLength(0);
        }
    }
}
