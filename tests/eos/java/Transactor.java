import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Does with Kafka's own client what each line of its input says, and answers with a line; clients.go has the commands. It is
 * compiled with the client that it runs with.
 *
 * Usage: Transactor ADDRESS
 */
public class Transactor {
    final String address;
    final Map<String, KafkaProducer<String, String>> producers = new HashMap<>();

    Transactor(String address) {
        this.address = address;
    }

    public static void main(String[] args) throws Exception {
        serve(new Transactor(args[0]));
    }

    static void serve(Transactor transactor) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = input.readLine()) != null;) {
            String answer;
            try {
                answer = transactor.act(line.split(" "));
            } catch (Exception refused) {
                answer = kind(refused) + " " + String.valueOf(refused).replace('\n', ' ');
            }
            System.out.println(answer);
            System.out.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    static String kind(Throwable refused) {
        for (Throwable cause = refused; cause != null; cause = cause.getCause()) {
            if (cause instanceof ProducerFencedException || cause instanceof InvalidProducerEpochException) {
                return "fenced";
            }
        }
        return "failed";
    }

    String act(String[] words) throws Exception {
        KafkaProducer<String, String> producer = producers.get(words[1]);
        switch (words[0]) {
            case "init":
                producer = open(words[2], words[3]);
                producers.put(words[1], producer);
                producer.initTransactions();
                break;
            case "begin":
                producer.beginTransaction();
                break;
            case "send":
                producer.send(new ProducerRecord<>(words[2], Integer.parseInt(words[3]), null, words[4])).get();
                break;
            case "offset":
                offset(producer, words[2], new TopicPartition(words[3], Integer.parseInt(words[4])), Long.parseLong(words[5]));
                break;
            case "commit":
                producer.commitTransaction();
                break;
            case "abort":
                producer.abortTransaction();
                break;
            case "close":
                producers.remove(words[1]).close(Duration.ofSeconds(1));
                break;
            default:
                throw new IllegalArgumentException(words[0]);
        }
        return "ok";
    }

    KafkaProducer<String, String> open(String id, String timeoutMs) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        properties.put("transactional.id", id);
        properties.put("transaction.timeout.ms", timeoutMs);
        properties.put("max.block.ms", "30000");
        return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    }

    void offset(KafkaProducer<String, String> producer, String group, TopicPartition place, long offset) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        properties.put("group.id", group);
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
            producer.sendOffsetsToTransaction(Map.of(place, new OffsetAndMetadata(offset)), consumer.groupMetadata());
        }
    }
}
