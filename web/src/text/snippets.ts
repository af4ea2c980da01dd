// The same thing as a command and as code, with the real names in it.

import type { Snippet } from "../ui/page";

const SAFE = /^[\w.:/@%+,=-]+$/;

/** As one word of a shell. */
export function shell(word: string): string {
  return SAFE.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** As a string literal of Go, Rust, Java, Python or JavaScript. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** An `ottla` command; the bootstrap address is left out where it is the default. */
export function ottla(bootstrap: string, ...words: (string | undefined)[]): string {
  const where = bootstrap === "localhost:9092" ? [] : ["-b", bootstrap];
  return ["ottla", ...words.filter((word): word is string => word !== undefined && word !== ""), ...where]
    .map(shell)
    .join(" ");
}

export function createTopic(
  bootstrap: string,
  name: string,
  partitions: number | null,
  configs: [string, string][],
): Snippet[] {
  const flags = configs.flatMap(([key, value]) => ["--config", `${key}=${value}`]);
  const entries = configs
    .map(([key, value]) => `\n\t\t{ConfigName: ${quoted(key)}, ConfigValue: ${quoted(value)}},`)
    .join("");
  return [
    {
      name: "CLI",
      text: ottla(
        bootstrap,
        "topic",
        "create",
        name,
        ...(partitions ? ["-p", String(partitions)] : []),
        ...flags,
      ),
    },
    {
      name: "kafka-topics",
      text: ["kafka-topics.sh --bootstrap-server", bootstrap, "--create --topic", shell(name)]
        .concat(partitions ? [`--partitions ${partitions}`] : [])
        .concat(configs.map(([key, value]) => `--config ${shell(`${key}=${value}`)}`))
        .join(" "),
    },
    {
      name: "kafka-go",
      text: `client := &kafka.Client{Addr: kafka.TCP(${quoted(bootstrap)})}
_, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
	Topic:             ${quoted(name)},
	NumPartitions:     ${partitions ?? -1},
	ReplicationFactor: -1,${entries ? `\n\tConfigEntries: []kafka.ConfigEntry{${entries}\n\t},` : ""}
}}})`,
    },
  ];
}

export function listTopics(bootstrap: string, isInternal: boolean): Snippet[] {
  return [
    { name: "CLI", text: ottla(bootstrap, "topic", "list", isInternal ? "--internal" : undefined) },
    { name: "kafka-topics", text: `kafka-topics.sh --bootstrap-server ${bootstrap} --list` },
  ];
}

export function describeTopic(bootstrap: string, name: string): Snippet[] {
  return [
    { name: "CLI", text: ottla(bootstrap, "topic", "describe", name, "--storage", "--configs", "all") },
    {
      name: "kafka-topics",
      text: `kafka-topics.sh --bootstrap-server ${bootstrap} --describe --topic ${shell(name)}`,
    },
  ];
}

/** Following a topic as it grows: what the log screen and the tail do. */
export function follow(bootstrap: string, name: string): Snippet[] {
  return [
    { name: "CLI", text: ottla(bootstrap, "tail", name) },
    {
      name: "kafka-go",
      text: `reader := kafka.NewReader(kafka.ReaderConfig{
	Brokers: []string{${quoted(bootstrap)}},
	Topic:   ${quoted(name)},
	GroupID: "readers",
})
defer reader.Close()
for {
	record, err := reader.ReadMessage(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d/%d %s=%s\\n", record.Partition, record.Offset, record.Key, record.Value)
}`,
    },
    {
      name: "kcat",
      text: `kcat -b ${bootstrap} -C -t ${shell(name)} -o end -f '%p/%o %k=%s\\n'`,
    },
  ];
}

/** A position of the records page as the command line names it. */
export function position(from: string): string {
  if (from === "beginning") return "start";
  if (from.startsWith("offset:")) return from.slice("offset:".length);
  if (from.startsWith("ago:")) return `@-${from.slice("ago:".length)}`;
  if (from.startsWith("time:")) return `@${new Date(Number(from.slice("time:".length))).toISOString()}`;
  return "end";
}

export function readRecords(
  bootstrap: string,
  name: string,
  search: { from?: string; partitions?: string; q?: string; key?: string },
): Snippet[] {
  const from = search.from ?? "end";
  const start = from === "end" ? "-50" : position(from);
  return [
    {
      name: "CLI",
      text: ottla(
        bootstrap,
        "consume",
        name,
        "--from",
        start,
        "-e",
        ...(search.partitions ? ["-p", search.partitions] : []),
        ...(search.key ? ["-k", search.key] : []),
        ...(search.q ? ["--grep", search.q] : []),
      ),
    },
    {
      name: "kcat",
      text: `kcat -b ${bootstrap} -C -e -t ${shell(name)} -o ${start === "start" ? "beginning" : start} -f '%p/%o %T %k=%s\\n'`,
    },
    follow(bootstrap, name)[1] as Snippet,
  ];
}

export function configure(bootstrap: string, name: string): Snippet[] {
  return [
    {
      name: "CLI",
      text: `${ottla(bootstrap, "topic", "describe", name, "--configs", "all")}\n${ottla(bootstrap, "topic", "alter", name, "--set", "retention.ms=7d")}`,
    },
    {
      name: "kafka-configs",
      text: `kafka-configs.sh --bootstrap-server ${bootstrap} --entity-type topics --entity-name ${shell(name)} --describe --all`,
    },
  ];
}

export function listGroups(bootstrap: string): Snippet[] {
  return [
    { name: "CLI", text: ottla(bootstrap, "group", "list", "--lag") },
    {
      name: "kafka-consumer-groups",
      text: `kafka-consumer-groups.sh --bootstrap-server ${bootstrap} --list --state`,
    },
  ];
}

export function listTransactions(bootstrap: string): Snippet[] {
  return [
    {
      name: "CLI",
      text: `${ottla(bootstrap, "txn", "list")}\n${ottla(bootstrap, "txn", "find-hanging")}`,
    },
    {
      name: "kafka-transactions",
      text: `kafka-transactions.sh --bootstrap-server ${bootstrap} list\nkafka-transactions.sh --bootstrap-server ${bootstrap} find-hanging --broker-id 1`,
    },
  ];
}

export function describeTransaction(bootstrap: string, id: string): Snippet[] {
  return [
    { name: "CLI", text: ottla(bootstrap, "txn", "describe", id) },
    {
      name: "kafka-transactions",
      text: `kafka-transactions.sh --bootstrap-server ${bootstrap} describe --transactional-id ${shell(id)}`,
    },
  ];
}

export function abortTransaction(bootstrap: string, id: string): Snippet[] {
  return [
    { name: "CLI", text: ottla(bootstrap, "txn", "abort", id) },
    {
      name: "kafka-transactions",
      text: `kafka-transactions.sh --bootstrap-server ${bootstrap} force-terminate --transactional-id ${shell(id)}`,
    },
  ];
}

export function abortHanging(bootstrap: string, topic: string, partition: number, offset: string): string {
  const flags = ["--topic", topic, "--partition", String(partition), "--start-offset", offset];
  return ottla(bootstrap, "txn", "abort", ...flags);
}

export function describeGroup(bootstrap: string, id: string): Snippet[] {
  return [
    { name: "CLI", text: ottla(bootstrap, "group", "describe", id, "--members") },
    {
      name: "kafka-consumer-groups",
      text: `kafka-consumer-groups.sh --bootstrap-server ${bootstrap} --describe --group ${shell(id)}`,
    },
    {
      name: "kafka-go",
      text: `client := &kafka.Client{Addr: kafka.TCP(${quoted(bootstrap)})}
groups, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{${quoted(id)}}})`,
    },
  ];
}

export function resetGroup(bootstrap: string, id: string, to: string, topics: string[]): Snippet[] {
  const flags = topics.flatMap((topic) => ["-t", topic]);
  return [
    { name: "preview", text: ottla(bootstrap, "group", "reset", id, ...flags, "--to", to, "--dry-run") },
    { name: "apply", text: ottla(bootstrap, "group", "reset", id, ...flags, "--to", to, "--execute") },
  ];
}

export function cluster(bootstrap: string): Snippet[] {
  return [
    { name: "CLI", text: ottla(bootstrap, "cluster", "info") },
    { name: "kcat", text: `kcat -b ${bootstrap} -L` },
  ];
}
