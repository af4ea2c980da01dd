//! The `quorum-state` file: the newest leader epoch this node knows of, and who leads it.
//!
//! Ottla needs it no more than Kafka does when the log is whole: the epoch is in the log too. It is
//! read because Kafka may have gone on to an epoch that no record bears witness of, and written
//! because Kafka warns of a log that is ahead of it.
//! Kafka: `FileQuorumStateStore`, `QuorumStateData`.

use ottla_log::{Dir, write_atomically};
use ottla_types::{BrokerId, LeaderEpoch, Uuid};

use super::{MetadataLogError, malformed};

const FILE: &str = "quorum-state";

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QuorumState {
    /// The newest epoch.
    pub(super) leader_epoch: LeaderEpoch,
    /// Who votes, in the version of the file for `kraft.version` 0; empty in the other.
    pub(super) voters: Vec<BrokerId>,
}

/// Reads the file; `None` where there is none.
pub(super) fn read(dir: &dyn Dir) -> Result<Option<QuorumState>, MetadataLogError> {
    let path = dir.path().join(FILE);
    let cannot = |error| malformed(format!("cannot read {}: {error}", path.display()));
    let Some(content) = dir.read(FILE).map_err(cannot)? else {
        return Ok(None);
    };
    let state = parse(&String::from_utf8_lossy(&content));
    if state.is_none() {
        tracing::warn!(file = %path.display(), "not a valid quorum state: the log decides alone");
    }
    Ok(state)
}

/// Says durably that `leader` leads from this epoch on.
pub(super) fn write(
    dir: &dyn Dir,
    kraft_version: i16,
    leader: BrokerId,
    leader_epoch: LeaderEpoch,
) -> Result<(), MetadataLogError> {
    let text = format(kraft_version, leader, leader_epoch);
    let path = dir.path().join(FILE);
    write_atomically(dir, FILE, text.as_bytes())
        .and_then(|()| dir.sync())
        .map_err(|error| malformed(format!("cannot write {}: {error}", path.display())))
}

pub(super) fn format(kraft_version: i16, leader: BrokerId, leader_epoch: LeaderEpoch) -> String {
    if kraft_version == 0 {
        return format!(
            r#"{{"clusterId":"","leaderId":{leader},"leaderEpoch":{leader_epoch},"votedId":-1,"appliedOffset":0,"currentVoters":[{{"voterId":{leader}}}],"data_version":0}}"#
        );
    }
    let nobody = Uuid::ZERO;
    format!(
        r#"{{"leaderId":{leader},"leaderEpoch":{leader_epoch},"votedId":-1,"votedDirectoryId":"{nobody}","data_version":1}}"#
    )
}

pub(super) fn parse(text: &str) -> Option<QuorumState> {
    let leader_epoch = numbers_of(text, "leaderEpoch").next()?;
    let voters = numbers_of(text, "voterId").map(BrokerId).collect();
    Some(QuorumState { leader_epoch: LeaderEpoch(leader_epoch), voters })
}

/// The values of every field with this name, in order. The file is flat enough for that.
fn numbers_of<'a>(text: &'a str, field: &str) -> impl Iterator<Item = i32> + 'a {
    let name = format!("\"{field}\"");
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&name)?;
        rest = after;
        let value = after.trim_start().strip_prefix(':')?.trim_start();
        let end = value.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(value.len());
        value.get(..end)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Kafka 4.4 and Kafka 3.9 wrote them.
    #[test]
    fn both_versions_are_kafkas() {
        let dynamic = r#"{"leaderId":1,"leaderEpoch":7,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#;
        let fixed = r#"{"clusterId":"","leaderId":1,"leaderEpoch":7,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}"#;
        for (kraft_version, text, voters) in [(1, dynamic, vec![]), (0, fixed, vec![BrokerId(1)])] {
            assert_eq!(format(kraft_version, BrokerId(1), LeaderEpoch(7)), text);
            let state = QuorumState { leader_epoch: LeaderEpoch(7), voters };
            assert_eq!(parse(text), Some(state));
        }
    }

    #[test]
    fn several_voters_are_all_read_and_rubbish_is_not() {
        let text = r#"{ "leaderEpoch" : 3, "currentVoters": [{"voterId": 1}, {"voterId": 22}] }"#;
        assert_eq!(parse(text).unwrap().voters, [BrokerId(1), BrokerId(22)]);
        for bad in ["", "{}", r#"{"leaderEpoch":}"#, r#"{"leaderEpoch":99999999999}"#] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
