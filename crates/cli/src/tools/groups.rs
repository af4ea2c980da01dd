//! `kafka-consumer-groups.sh`: groups listed, described, deleted, their offsets reset.
//!
//! Kafka: `ConsumerGroupCommand`, `GroupOffsetsResetter`.

mod describe;
mod reset;

use ottla_client::{Admin, GroupListing};

use super::{
    Refusal, capitalized, exception,
    flags::{Flag, Given, maybe, number, switch, text},
    kafka_text,
    table::{padded, width},
    target,
};
use crate::output::{Out, note};

pub(super) const ABOUT: &str = "This tool helps to list all consumer groups, describe a consumer \
                                group, delete consumer group info, or reset consumer group \
                                offsets.";

pub(super) const FLAGS: &[Flag] = &[
    text("bootstrap-server", "server to connect to", "REQUIRED: where a broker is."),
    text("command-config", "file", "Properties of the client."),
    text("group", "consumer group", "The group; may be given several times."),
    text("topic", "topic", "A topic, or topic:0,1 for some of its partitions."),
    switch("all-topics", "Reset the offsets of all topics that the group has offsets of."),
    switch("list", "List groups."),
    switch("describe", "Show where groups are, and how far behind."),
    switch("all-groups", "All groups instead of those of --group."),
    switch("delete", "Delete groups."),
    number("timeout", "timeout (ms)", "How long the group may take to settle."),
    switch("reset-offsets", "Set the offsets of a group without members."),
    switch("delete-offsets", "Delete the offsets of a group in topics."),
    switch("dry-run", "Only show what a reset would do."),
    switch("execute", "Do the reset."),
    switch("export", "Write the result of a reset as CSV."),
    number("to-offset", "offset", "Reset to this offset."),
    text("from-file", "path to CSV file", "Reset to the offsets in a file."),
    text(
        "to-datetime",
        "datetime",
        "Reset to the first record at or after YYYY-MM-DDTHH:mm:SS.sss.",
    ),
    text("by-duration", "duration", "Reset to a time so long ago: PnDTnHnMnS."),
    switch("to-earliest", "Reset to the beginning."),
    switch("to-latest", "Reset to the end."),
    switch("to-current", "Reset to where the group is."),
    number("shift-by", "number-of-offsets", "Reset by so many offsets, on or back."),
    switch("members", "Describe the members."),
    switch("verbose", "Describe in more detail."),
    switch("offsets", "Describe the offsets; the default."),
    maybe("state", "states", "List or describe the state; list only groups in these states."),
    maybe("type", "types", "List the type; list only groups of these types."),
    text("validate-regex", "regex", "Say whether a regular expression is valid."),
];

const ACTIONS: &[&str] =
    &["list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"];
/// What is printed for what there is none of.
const NONE: &str = "-";

pub(super) async fn run(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    check(given)?;
    if let Some(regex) = given.value("validate-regex")? {
        let verdict = match regex::Regex::new(regex) {
            Ok(_) => "valid".to_owned(),
            Err(error) => format!("invalid: {error}"),
        };
        return Ok(out.line(&format!("The regular expression `{regex}` is {verdict}."))?);
    }
    match act(given, out).await {
        Err(Refusal::Failed(text)) => {
            error_line(out, &format!("Executing consumer group command failed due to {text}"))
        }
        done => done,
    }
}

/// Kafka's tool prints an error to standard output and ends well.
fn error_line(out: &mut Out, text: &str) -> Result<(), Refusal> {
    Ok(out.line(&format!("\nError: {text}"))?)
}

fn check(given: &Given) -> Result<(), Refusal> {
    if given.count(ACTIONS) != 1 {
        let actions: Vec<String> = ACTIONS.iter().map(|action| format!("--{action}")).collect();
        let text = format!("Command must include exactly one action: {}", actions.join(", "));
        return Err(Refusal::Usage(text));
    }
    if given.has("validate-regex") {
        return Ok(());
    }
    given.require(&["bootstrap-server"])?;
    let has_groups = given.count(&["group", "all-groups"]) > 0;
    for action in ["describe", "delete", "reset-offsets"] {
        if given.has(action) && !has_groups {
            let text =
                format!("Option [{action}] takes one of these options: [group], [all-groups]");
            return Err(Refusal::Usage(text));
        }
    }
    if given.has("describe") && given.count(&["members", "offsets", "state"]) > 1 {
        let text = "Option [describe] takes at most one of these options: [members], [offsets], \
                    [state]";
        return Err(Refusal::Usage(text.into()));
    }
    if given.has("delete") && given.has("topic") {
        let text = "The consumer does not support topic-specific offset deletion from a consumer \
                    group.";
        return Err(Refusal::Usage(text.into()));
    }
    if given.has("delete-offsets") && given.count(&["group", "topic"]) < 2 {
        let text = "Option [delete-offsets] takes the following options: [group], [topic]";
        return Err(Refusal::Usage(text.into()));
    }
    if given.has("reset-offsets") { reset::check(given) } else { Ok(()) }
}

async fn act(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    let client = target::administrator(given).await?;
    let admin = client.admin();
    if given.has("list") {
        return list(given, &admin, out).await;
    }
    let groups: Vec<String> = if given.has("all-groups") {
        groups(&admin).await?.into_iter().map(|group| group.group_id).collect()
    } else {
        given.values("group").map(str::to_owned).collect()
    };
    if given.has("describe") {
        describe::run(given, (&client, &groups), out).await
    } else if given.has("delete") {
        delete(&admin, &groups, out).await
    } else if given.has("delete-offsets") {
        delete_offsets(given, &admin, out).await
    } else {
        reset::run(given, (&admin, &groups), out).await
    }
}

/// The groups of consumers, sorted.
async fn groups(admin: &Admin) -> Result<Vec<GroupListing>, Refusal> {
    let mut groups = admin.list_groups().await?;
    groups.retain(|group| matches!(group.protocol_type.as_str(), "consumer" | ""));
    groups.sort_by(|one, other| one.group_id.cmp(&other.group_id));
    Ok(groups)
}

async fn list(given: &Given, admin: &Admin, out: &mut Out) -> Result<(), Refusal> {
    let (with_state, with_type) = (given.has("state"), given.has("type"));
    let among = |names: Option<&str>, name: &str| {
        names.is_none_or(|names| names.split(',').any(|it| it.trim().eq_ignore_ascii_case(name)))
    };
    let (states, types) = (given.value("state")?, given.value("type")?);
    let mut groups = groups(admin).await?;
    groups.retain(|group| among(states, &group.state) && among(types, &group.group_type));
    if !with_state && !with_type {
        for group in groups {
            out.line(&group.group_id)?;
        }
        return Ok(());
    }
    let name_width = 10 + width(15, groups.iter().map(|group| group.group_id.as_str()));
    let columns = |name: &str, kind: &str, state: &str| {
        let mut cells = vec![(name.to_owned(), name_width)];
        if with_type {
            cells.push((kind.to_owned(), 20));
        }
        if with_state {
            cells.push((state.to_owned(), 20));
        }
        padded(&cells)
    };
    out.line(&columns("GROUP", "TYPE", "STATE"))?;
    for group in groups {
        let kind = capitalized(&group.group_type);
        out.line(&columns(&group.group_id, &kind, &group.state))?;
    }
    Ok(())
}

async fn delete(admin: &Admin, groups: &[String], out: &mut Out) -> Result<(), Refusal> {
    let (mut gone, mut left) = (Vec::new(), Vec::new());
    for (group, result) in admin.delete_groups(groups).await? {
        match result {
            Ok(()) => gone.push(format!("'{group}'")),
            Err(error) => {
                let why = exception(&error);
                left.push(format!("* Group '{group}' could not be deleted due to: {why}"));
            }
        }
    }
    if left.is_empty() {
        let text = "Deletion of requested consumer groups";
        return Ok(out.line(&format!("{text} ({}) was successful.", gone.join(", ")))?);
    }
    error_line(out, &format!("Deletion of some consumer groups failed:\n{}", left.join("\n")))?;
    if !gone.is_empty() {
        let text = "\nThese consumer groups were deleted successfully:";
        out.line(&format!("{text} {}", gone.join(", ")))?;
    }
    Ok(())
}

async fn delete_offsets(given: &Given, admin: &Admin, out: &mut Out) -> Result<(), Refusal> {
    let group = given.value("group")?.unwrap_or_default();
    let topics: Vec<&str> = given.values("topic").collect();
    let partitions = partitions_of(admin, &topics).await?;
    let results = match admin.delete_group_offsets(group, &partitions).await {
        Ok(results) => results,
        Err(error) => return error_line(out, &kafka_text(&error)),
    };
    if results.iter().all(|(_, _, result)| result.is_ok()) {
        let text = "Request succeeded for deleting offsets from group";
        out.line(&format!("{text} {group}."))?;
    } else {
        let text = "Encountered some partition-level error, see the follow-up details.";
        error_line(out, text)?;
    }
    out.line(&format!("\n{}", padded(&[("TOPIC", 15), ("PARTITION", 10), ("STATUS", 15)])))?;
    for (topic, partition, result) in results {
        let status = match result {
            Ok(()) => "Successful".to_owned(),
            Err(error) => format!("Error: {}", kafka_text(&error)),
        };
        out.line(&padded(&[(topic, 15), (partition.to_string(), 10), (status, 15)]))?;
    }
    Ok(())
}

/// The partitions that `topic` or `topic:0,1` name, sorted.
async fn partitions_of(admin: &Admin, topics: &[&str]) -> Result<Vec<(String, i32)>, Refusal> {
    let mut partitions = Vec::new();
    for text in topics {
        let Some((topic, numbers)) = text.split_once(':') else {
            let name = [(*text).to_owned()];
            for (_, topic) in admin.describe_topics(&name).await? {
                let all = topic?.partitions.keys().copied().collect::<Vec<i32>>();
                partitions.extend(all.into_iter().map(|partition| ((*text).to_owned(), partition)));
            }
            continue;
        };
        for number in numbers.split(',') {
            let wrong =
                |_| Refusal::Usage(format!("Invalid partition '{number}' of topic {topic}"));
            partitions.push((topic.to_owned(), number.parse().map_err(wrong)?));
        }
    }
    partitions.sort_unstable();
    Ok(partitions)
}

/// Says on standard error how a group is, and whether there is anything to show of it.
fn has_something(group: &str, state: &str, out: &mut Out) -> Result<bool, Refusal> {
    out.flush()?;
    match state {
        "Dead" => {
            error_line(out, &format!("Consumer group '{group}' does not exist."))?;
            return Ok(false);
        }
        "Empty" => note(&format!("\nConsumer group '{group}' has no active members.")),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" => {
            note(&format!("\nWarning: Consumer group '{group}' is rebalancing."));
        }
        _ => {}
    }
    Ok(true)
}
