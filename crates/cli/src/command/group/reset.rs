//! `group reset`: committed offsets moved, after a preview.

use std::{collections::BTreeMap, sync::Arc};

use clap::Args;
use ottla_client::{Admin, CommittedOffset, Isolation, LeaderEpoch, Offset, OffsetSpec};

use super::{Partition, bounds, progress};
use crate::{
    command::topic::finish,
    exit::{Exit, Failure, Outcome},
    output::{Column, Format, Report, Value, column},
    position::{Place, parse_partitions},
    session::Session,
    time::now_ms,
};

/// Move a group's committed offsets
///
/// Shows what would change, then asks. The group must have no members at that moment.
#[derive(Args, Clone, Debug)]
pub struct Reset {
    /// The group
    group: String,
    /// Only this topic, or these partitions of it: `London`, `London:0,2-4`
    /// [default: every topic the group has offsets of]
    #[arg(short, long, value_name = "TOPIC[:PARTITIONS]")]
    topic: Vec<String>,
    /// Where to: start, end, an offset, -N (before the end), +N (onward), @TIME, @-15m
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    to: String,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking, as -y
    #[arg(long, conflicts_with = "dry_run")]
    execute: bool,
}

const CHANGES: &[Column] = &[
    column("topic", "TOPIC"),
    column("partition", "PARTITION"),
    column("committedOffset", "COMMITTED"),
    column("newOffset", "NEW"),
    column("change", "CHANGE"),
    column("newLag", "LAG AFTER"),
];

/// One partition's move.
#[derive(Clone, Copy, Debug)]
struct Move {
    old: Option<i64>,
    new: i64,
    end: i64,
}

impl Reset {
    pub(super) async fn run(self, session: &mut Session) -> Outcome {
        let what = format!("cannot reset group {}", self.group);
        let place = Place::parse(&self.to, now_ms()).map_err(|why| Failure::usage(&what, why))?;
        let client = session.client().await?;
        let admin = client.admin();
        let moves = self.moves(&admin, place).await?;
        if moves.is_empty() {
            let why = "there is no partition to move";
            return Err(Failure::new(Exit::NotFound, what, why)
                .with_next("name a topic with -t: the group has no offsets"));
        }
        let mut report = Report::list("GroupReset", CHANGES);
        for ((topic, partition), it) in &moves {
            report.push(vec![
                ("topic", Value::text(&**topic)),
                ("partition", Value::Int((*partition).into())),
                ("committedOffset", it.old.map_or(Value::Null, Value::Int)),
                ("newOffset", Value::Int(it.new)),
                ("change", it.old.map_or(Value::Null, |old| Value::Int(it.new - old))),
                ("newLag", Value::Int(it.end - it.new)),
            ]);
        }
        finish(session, &report)?;
        if self.dry_run {
            return Ok(Exit::Ok);
        }
        let group = admin.describe_group(&self.group).await?;
        if !group.members.is_empty() {
            let why = format!("it has {} members, which would not notice", group.members.len());
            return Err(Failure::new(Exit::Conflict, what, why).with_next("stop them first"));
        }
        if !self.execute {
            let question = format!("Moves {} of group {}", plural(moves.len()), self.group);
            session.confirm(&question, &self.group)?;
        }
        let offsets = moves.iter().map(|(partition, it)| {
            let offset = Offset(it.new);
            let leader_epoch = LeaderEpoch::NONE;
            let committed = CommittedOffset { offset, leader_epoch, metadata: String::new() };
            (partition.clone(), committed)
        });
        admin.alter_group_offsets(&self.group, &offsets.collect()).await?;
        if matches!(session.out.format(), Format::Table | Format::Wide) {
            session.say(&format!("{} moved", plural(moves.len())));
        }
        Ok(Exit::Ok)
    }

    async fn moves(
        &self,
        admin: &Admin,
        place: Place,
    ) -> Result<BTreeMap<Partition, Move>, Failure> {
        let committed = progress(admin, &self.group).await?;
        let partitions = if self.topic.is_empty() {
            committed.keys().cloned().collect()
        } else {
            self.partitions(admin).await?
        };
        let bounds = bounds(admin, &partitions).await?;
        let mut moves = BTreeMap::new();
        for partition in partitions {
            let Some((start, end)) = bounds.get(&partition).copied() else { continue };
            let old = committed.get(&partition).map(|it| it.committed.offset.0);
            let wanted = self.offset(admin, (&partition, old), place, (start, end)).await?;
            moves.insert(partition, Move { old, new: wanted.clamp(start, end), end });
        }
        Ok(moves)
    }

    async fn partitions(&self, admin: &Admin) -> Result<Vec<Partition>, Failure> {
        let mut partitions = Vec::new();
        for text in &self.topic {
            let (name, list) = match text.split_once(':') {
                Some((name, list)) => (name, Some(list)),
                None => (text.as_str(), None),
            };
            let described = admin.describe_topics(&[name.to_owned()]).await?;
            let Some((_, info)) = described.into_iter().next() else { continue };
            let info = info?;
            let wrong = |why| Failure::usage(format!("cannot reset {text}"), why);
            let wanted = match list {
                Some(list) => parse_partitions(list).map_err(wrong)?,
                None => info.partitions.keys().copied().collect(),
            };
            partitions.extend(wanted.into_iter().map(|it| (Arc::from(name), it)));
        }
        Ok(partitions)
    }

    async fn offset(
        &self,
        admin: &Admin,
        (partition, old): (&Partition, Option<i64>),
        place: Place,
        (start, end): (i64, i64),
    ) -> Result<i64, Failure> {
        let committed = || {
            old.ok_or_else(|| {
                let what = format!("cannot reset {}-{}", partition.0, partition.1);
                Failure::usage(what, "the group has no offset there to start from")
            })
        };
        Ok(match place {
            Place::Start => start,
            Place::End => end,
            Place::Offset(offset) => offset,
            Place::BeforeEnd(count) => end.saturating_sub(count),
            Place::Committed => committed()?,
            Place::Onward(count) => committed()?.saturating_add(count),
            Place::Time(time) => {
                let (name, number) = partition;
                let spec = OffsetSpec::Timestamp(time);
                let isolation = Isolation::Uncommitted;
                match admin.list_offset(name, *number, spec, isolation).await?.offset.0 {
                    found if found >= 0 => found,
                    _ => end,
                }
            }
        })
    }
}

fn plural(offsets: usize) -> String {
    if offsets == 1 { "1 offset".to_owned() } else { format!("{offsets} offsets") }
}
