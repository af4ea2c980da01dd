// A first client in every language, with the address that is right for where it runs.

import type { Snippet } from "../ui/page";
import { ottla, quoted } from "./snippets";

export function firstClient(bootstrap: string): Snippet[] {
  const at = quoted(bootstrap);
  return [
    {
      name: "CLI",
      text: `${ottla(bootstrap, "topic", "create", "London", "-p", "3")}
${ottla(bootstrap, "produce", "London", "-k", "temperature", "14.2")}
${ottla(bootstrap, "consume", "London", "--from", "start", "-g", "readers")}`,
    },
    {
      name: "kafka-go",
      text: `package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/segmentio/kafka-go"
)

func main() {
	ctx := context.Background()
	writer := &kafka.Writer{
		Addr:                   kafka.TCP(${at}),
		Topic:                  "London",
		Balancer:               kafka.Murmur2Balancer{Consistent: true},
		BatchTimeout:           5 * time.Millisecond,
		AllowAutoTopicCreation: true,
	}
	err := writer.WriteMessages(ctx, kafka.Message{Key: []byte("temperature"), Value: []byte("14.2")})
	if err != nil {
		log.Fatal(err)
	}
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{${at}}, Topic: "London", GroupID: "readers"})
	defer reader.Close()
	for {
		record, err := reader.ReadMessage(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s = %s\\n", record.Key, record.Value)
	}
}`,
    },
    {
      name: "Rust",
      text: `// rdkafka = "0.39"
let producer: FutureProducer = ClientConfig::new()
    .set("bootstrap.servers", ${at})
    .create()?;
producer
    .send(FutureRecord::to("London").key("temperature").payload("14.2"), Duration::from_secs(5))
    .await
    .map_err(|(error, _)| error)?;

let consumer: StreamConsumer = ClientConfig::new()
    .set("bootstrap.servers", ${at})
    .set("group.id", "readers")
    .set("auto.offset.reset", "earliest")
    .create()?;
consumer.subscribe(&["London"])?;
let record = consumer.recv().await?;
println!("{:?}", record.payload_view::<str>());`,
    },
    {
      name: "Java",
      text: `Properties settings = new Properties();
settings.put("bootstrap.servers", ${at});
settings.put("group.id", "readers");
settings.put("auto.offset.reset", "earliest");
try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
    producer.send(new ProducerRecord<>("London", "temperature", "14.2")).get();
}
try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
    consumer.subscribe(List.of("London"));
    consumer.poll(Duration.ofSeconds(5)).forEach(record -> System.out.println(record.key() + " = " + record.value()));
}`,
    },
    {
      name: "Python",
      text: `# pip install confluent-kafka
from confluent_kafka import Consumer, Producer

producer = Producer({"bootstrap.servers": ${at}})
producer.produce("London", key="temperature", value="14.2")
producer.flush()

consumer = Consumer({"bootstrap.servers": ${at}, "group.id": "readers", "auto.offset.reset": "earliest"})
consumer.subscribe(["London"])
record = consumer.poll(5)
print(record.key(), record.value())`,
    },
    {
      name: "Node",
      text: `// npm install kafkajs
import { Kafka } from "kafkajs";

const kafka = new Kafka({ clientId: "weather", brokers: [${at}] });
const producer = kafka.producer();
await producer.connect();
await producer.send({ topic: "London", messages: [{ key: "temperature", value: "14.2" }] });

const consumer = kafka.consumer({ groupId: "readers" });
await consumer.connect();
await consumer.subscribe({ topics: ["London"], fromBeginning: true });
await consumer.run({ eachMessage: async ({ message }) => console.log(\`\${message.key} = \${message.value}\`) });`,
    },
    {
      name: "kcat",
      text: `printf 'temperature:14.2' | kcat -b ${bootstrap} -P -t London -K:
kcat -b ${bootstrap} -C -t London -f '%k = %s\\n'`,
    },
    {
      name: "Compose",
      text: `services:
  weather:
    image: my-weather-app
    environment:
      KAFKA_BOOTSTRAP_SERVERS: ${bootstrap}`,
    },
  ];
}
