// Writing one record, as a command and in several languages.

import type { Draft } from "../screens/produce/produce";
import type { Snippet } from "../ui/page";
import { ottla, quoted, shell } from "./snippets";

type Written = Pick<Draft, "key" | "isKeyNull" | "value" | "isValueNull" | "partition">;

export function produceOne(bootstrap: string, topic: string, draft: Written): Snippet[] {
  const key = draft.isKeyNull ? [] : ["-k", draft.key];
  const partition = draft.partition === "" ? [] : ["-p", draft.partition];
  const value = draft.isValueNull ? "" : draft.value;
  return [
    {
      name: "CLI",
      text: draft.isValueNull
        ? `echo | ${ottla(bootstrap, "produce", topic, ...key, ...partition, "-Z")}`
        : `${ottla(bootstrap, "produce", topic, ...key, ...partition)} ${shell(value)}`,
    },
    {
      name: "kafka-go",
      text: `writer := &kafka.Writer{
	Addr:         kafka.TCP(${quoted(bootstrap)}),
	Topic:        ${quoted(topic)},
	Balancer:     kafka.Murmur2Balancer{Consistent: true},
	RequiredAcks: kafka.RequireAll,
	BatchTimeout: 5 * time.Millisecond,
}
defer writer.Close()
err := writer.WriteMessages(ctx, kafka.Message{
${draft.isKeyNull ? "" : `\tKey:   []byte(${quoted(draft.key)}),\n`}	Value: ${draft.isValueNull ? "nil" : `[]byte(${quoted(value)})`},
})`,
    },
    {
      name: "Rust",
      text: `let producer: FutureProducer = ClientConfig::new()
    .set("bootstrap.servers", ${quoted(bootstrap)})
    .create()?;
let record = FutureRecord::to(${quoted(topic)})${draft.isKeyNull ? "" : `.key(${quoted(draft.key)})`}${draft.isValueNull ? "" : `.payload(${quoted(value)})`};
producer.send(record, Duration::from_secs(5)).await.map_err(|(error, _)| error)?;`,
    },
    {
      name: "Java",
      text: `Properties settings = new Properties();
settings.put("bootstrap.servers", ${quoted(bootstrap)});
try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
    producer.send(new ProducerRecord<>(${quoted(topic)}, ${draft.isKeyNull ? "null" : quoted(draft.key)}, ${draft.isValueNull ? "null" : quoted(value)})).get();
}`,
    },
    {
      name: "Python",
      text: `producer = Producer({"bootstrap.servers": ${quoted(bootstrap)}})
producer.produce(${quoted(topic)}, key=${draft.isKeyNull ? "None" : quoted(draft.key)}, value=${draft.isValueNull ? "None" : quoted(value)})
producer.flush()`,
    },
    {
      name: "kcat",
      text: `printf '%s' ${shell(`${draft.isKeyNull ? "" : `${draft.key}:`}${value}`)} | kcat -b ${bootstrap} -P -t ${shell(topic)}${draft.isKeyNull ? "" : " -K:"}`,
    },
  ];
}
