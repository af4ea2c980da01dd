//! `kafka-consumer-groups.sh --reset-offsets`.

use std::{collections::BTreeMap, sync::Arc};

use ottla_client::{Admin, CommittedOffset, ErrorKind, Isolation, LeaderEpoch, Offset, OffsetSpec};

use super::{error_line, partitions_of};
use crate::{
    output::{Out, note},
    time::{now_ms, parse_time},
    tools::{Refusal, flags::Given, table::padded},
};

/// Where to, of which one is given.
const SCENARIOS: &[&str] = &[
    "to-offset",
    "shift-by",
    "to-datetime",
    "by-duration",
    "to-earliest",
    "to-latest",
    "to-current",
    "from-file",
];

pub(super) fn check(given: &Given) -> Result<(), Refusal> {
    if given.has("dry-run") && given.has("execute") {
        let text = "Option [reset-offsets] only accepts one of [execute] and [dry-run]";
        return Err(Refusal::Usage(text.into()));
    }
    if given.count(&["dry-run", "execute"]) == 0 {
        note(
            "WARN: No action will be performed as the --execute option is missing. In version 5.0, \
             this command will require either --dry-run or --execute to be specified. You should \
             add the --dry-run option explicitly if you are scripting this command and want to \
             keep the current default behavior without prompting.",
        );
    }
    match given.count(SCENARIOS) {
        0 => {
            let text = "Option [reset-offsets] requires one of: --to-offset, --shift-by, \
                        --to-datetime, --by-duration, --to-earliest, --to-latest, --to-current, \
                        --from-file";
            return Err(Refusal::Usage(text.into()));
        }
        1 => {}
        _ => {
            let given = SCENARIOS.iter().filter(|name| given.has(name)).copied();
            let names: Vec<String> = given.map(|name| format!("\"[{name}]\"")).collect();
            let text = format!("Options {} can't be used together", names.join(" and "));
            return Err(Refusal::Usage(text));
        }
    }
    if given.has("from-file") {
        return Ok(());
    }
    match given.count(&["topic", "all-topics"]) {
        1 => Ok(()),
        0 => {
            let text = "One of the reset scopes should be defined: --topic, --all-topics.";
            Err(Refusal::Usage(text.into()))
        }
        _ => given.exclude("topic", &["all-topics"]),
    }
}

type Partition = (String, i32);
/// Where a group's offsets are to be.
type Plan = BTreeMap<Partition, i64>;

pub(super) async fn run(
    given: &Given,
    (admin, groups): (&Admin, &[String]),
    out: &mut Out,
) -> Result<(), Refusal> {
    let mut plans: BTreeMap<&String, Plan> = BTreeMap::new();
    for group in groups {
        let state = match admin.describe_group(group).await {
            Ok(description) => description.state,
            Err(error) if error.kind() == ErrorKind::NotFound => "Dead".to_owned(),
            Err(error) => return Err(error.into()),
        };
        if !matches!(state.as_str(), "Empty" | "Dead") {
            let text = format!(
                "Assignments can only be reset if the group '{group}' is inactive, but the current \
                 state is {state}."
            );
            error_line(out, &text)?;
            continue;
        }
        let plan = plan(given, admin, group, out).await?;
        if given.has("execute") {
            commit(admin, group, &plan).await?;
        }
        plans.insert(group, plan);
    }
    if given.has("export") { export(&plans, out) } else { print(&plans, out) }
}

fn print(plans: &BTreeMap<&String, Plan>, out: &mut Out) -> Result<(), Refusal> {
    out.line("")?;
    out.line(&padded(&[("GROUP", 15), ("TOPIC", 15), ("PARTITION", 10), ("NEW-OFFSET", 0)]))?;
    for (group, plan) in plans {
        for ((topic, partition), offset) in plan {
            let (partition, offset) = (partition.to_string(), offset.to_string());
            let cells = [(group.as_str(), 15), (topic, 15), (&partition, 10), (&offset, 0)];
            out.line(&padded(&cells))?;
        }
    }
    Ok(())
}

fn export(plans: &BTreeMap<&String, Plan>, out: &mut Out) -> Result<(), Refusal> {
    let has_several = plans.len() > 1;
    for (group, plan) in plans {
        for ((topic, partition), offset) in plan {
            let group = if has_several { format!("{group},") } else { String::new() };
            out.line(&format!("{group}{topic},{partition},{offset}"))?;
        }
    }
    Ok(out.line("")?)
}

async fn commit(admin: &Admin, group: &str, plan: &Plan) -> Result<(), Refusal> {
    let offsets = plan.iter().map(|((topic, partition), offset)| {
        let committed = CommittedOffset {
            offset: Offset(*offset),
            leader_epoch: LeaderEpoch(-1),
            metadata: String::new(),
        };
        ((Arc::from(topic.as_str()), *partition), committed)
    });
    Ok(admin.alter_group_offsets(group, &offsets.collect()).await?)
}

/// What a partition has to say for a reset.
#[derive(Clone, Copy)]
struct Bounds {
    start: i64,
    end: i64,
    current: Option<i64>,
}

async fn plan(given: &Given, admin: &Admin, group: &str, out: &mut Out) -> Result<Plan, Refusal> {
    let committed = admin.list_group_offsets(group).await?;
    if let Some(path) = given.value("from-file")? {
        let wanted = from_file(path, group)?;
        let partitions: Vec<Partition> = wanted.keys().cloned().collect();
        let starts = list(admin, &partitions, OffsetSpec::Start).await?;
        let ends = list(admin, &partitions, OffsetSpec::End).await?;
        let clamped = wanted.into_iter().filter_map(|(partition, offset)| {
            let (start, end) = (*starts.get(&partition)?, *ends.get(&partition)?);
            Some((partition, offset.clamp(start, end.max(start))))
        });
        return Ok(clamped.collect());
    }
    let topics: Vec<&str> = given.values("topic").collect();
    let partitions: Vec<Partition> = if given.has("all-topics") {
        committed.keys().map(|(topic, partition)| (topic.to_string(), *partition)).collect()
    } else {
        partitions_of(admin, &topics).await?
    };
    let starts = list(admin, &partitions, OffsetSpec::Start).await?;
    let ends = list(admin, &partitions, OffsetSpec::End).await?;
    let at_time = match time(given)? {
        Some(time) => list(admin, &partitions, OffsetSpec::Timestamp(time)).await?,
        None => Plan::new(),
    };
    let mut plan = Plan::new();
    for partition in partitions {
        let (Some(start), Some(end)) = (starts.get(&partition), ends.get(&partition)) else {
            continue;
        };
        let at = (Arc::from(partition.0.as_str()), partition.1);
        let current = committed.get(&at).map(|it| it.offset.0);
        let bounds = Bounds { start: *start, end: *end, current };
        let at_time = at_time.get(&partition).copied();
        if at_time.is_some_and(|offset| offset < 0) {
            let (topic, number) = &partition;
            let text = format!("\nWarn: Partition {number} from topic {topic} is empty. ");
            out.line(&(text + "Falling back to latest known offset."))?;
        }
        plan.insert(partition, target(given, bounds, at_time)?);
    }
    Ok(plan)
}

/// Where a partition goes.
fn target(given: &Given, bounds: Bounds, at_time: Option<i64>) -> Result<i64, Refusal> {
    let Bounds { start, end, current } = bounds;
    let within = |offset: i64| offset.clamp(start, end.max(start));
    if given.has("to-earliest") {
        return Ok(start);
    }
    if given.has("to-latest") {
        return Ok(end);
    }
    if let Some(offset) = given.number("to-offset")? {
        return Ok(within(offset));
    }
    if let Some(shift) = given.number::<i64>("shift-by")? {
        let current = current.ok_or_else(|| {
            let text =
                "Cannot shift offset for partition since there is no current committed offset";
            Refusal::Failed(text.into())
        })?;
        return Ok(within(current.saturating_add(shift)));
    }
    if given.has("to-current") {
        return Ok(current.unwrap_or(end));
    }
    // No record is that young.
    Ok(at_time.filter(|offset| *offset >= 0).unwrap_or(end))
}

async fn list(admin: &Admin, of: &[Partition], spec: OffsetSpec) -> Result<Plan, Refusal> {
    let asked: Vec<_> =
        of.iter().map(|(topic, it)| (Arc::from(topic.as_str()), *it, spec)).collect();
    let mut offsets = Plan::new();
    for (topic, partition, listed) in admin.list_offsets(&asked, Isolation::Uncommitted).await? {
        offsets.insert((topic.to_string(), partition), listed?.offset.0);
    }
    Ok(offsets)
}

/// The time that `--to-datetime` or `--by-duration` means, in ms since 1970.
fn time(given: &Given) -> Result<Option<i64>, Refusal> {
    if let Some(text) = given.value("to-datetime")? {
        return parse_time(text, now_ms()).map(Some).map_err(Refusal::Failed);
    }
    let Some(text) = given.value("by-duration")? else { return Ok(None) };
    let wrong = || Refusal::Failed("Text cannot be parsed to a Duration".into());
    let duration = duration_ms(text).ok_or_else(wrong)?;
    Ok(Some(now_ms().saturating_sub(duration)))
}

/// Reads `PnDTnHnMn.nS` as milliseconds.
fn duration_ms(text: &str) -> Option<i64> {
    let mut rest = text.strip_prefix(['P', 'p'])?;
    let mut is_time = false;
    let mut total = 0_i64;
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix(['T', 't']) {
            (is_time, rest) = (true, time);
            continue;
        }
        let digits = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, unit) = rest.split_at_checked(digits)?;
        let factor = match (unit.chars().next()?.to_ascii_uppercase(), is_time) {
            ('D', false) => 86_400_000,
            ('H', true) => 3_600_000,
            ('M', true) => 60_000,
            ('S', true) => 1_000,
            _ => return None,
        };
        total = total.checked_add(scaled(number, factor)?)?;
        rest = unit.get(1..)?;
    }
    (text.len() > 1).then_some(total)
}

/// `1.5` times a factor; parts of a millisecond are dropped.
fn scaled(number: &str, factor: i64) -> Option<i64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<i64>().ok()?.checked_mul(factor)?;
    let thousandths: String = part.chars().chain("000".chars()).take(3).collect();
    let part = thousandths.parse::<i64>().ok()? * factor / 1000;
    whole.checked_add(if number.starts_with('-') { -part } else { part })
}

/// Lines of `topic,partition,offset`, or of `group,topic,partition,offset`.
fn from_file(path: &str, group: &str) -> Result<Plan, Refusal> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Refusal::Failed(format!("{path} ({error})")))?;
    let mut plan = Plan::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        let (of, topic, partition, offset) = match cells.as_slice() {
            [topic, partition, offset] => (group, *topic, partition.parse(), offset.parse()),
            [of, topic, partition, offset] => (*of, *topic, partition.parse(), offset.parse()),
            _ => (group, "", "".parse(), "".parse()),
        };
        let (Ok(partition), Ok(offset)) = (partition, offset) else {
            let text = format!("{path}: {line} is not topic,partition,offset");
            return Err(Refusal::Failed(text));
        };
        if of == group {
            plan.insert((topic.to_owned(), partition), offset);
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_days_and_times() {
        for (text, ms) in [
            ("P1D", Some(86_400_000)),
            ("PT1H30M", Some(5_400_000)),
            ("P2DT1.5S", Some(172_801_500)),
            ("P", None),
            ("PT", Some(0)),
            ("P1H", None),
            ("1D", None),
            ("PTxS", None),
        ] {
            assert_eq!(duration_ms(text), ms, "{text}");
        }
    }
}
