//! The features of a cluster: what Ottla can live with, and what it tells clients.
//!
//! Invariant: no level is offered whose promises are not kept yet.
//!
//! Kafka: `Feature`, `MetadataVersion`, `QuorumFeatures`.

use crate::{FeatureRange, Image};

/// The feature that says which metadata records there are.
pub const METADATA_VERSION: &str = "metadata.version";
/// The feature that says how the quorum keeps its voters. It is not kept in metadata records.
pub const KRAFT_VERSION: &str = "kraft.version";
/// The feature that says which group protocols there are.
pub const GROUP_VERSION: &str = "group.version";
/// The feature that says which transaction protocol there is.
pub const TRANSACTION_VERSION: &str = "transaction.version";
/// The feature that turns share groups on.
pub const SHARE_VERSION: &str = "share.version";
/// The feature that turns streams groups on.
pub const STREAMS_VERSION: &str = "streams.version";
/// The feature that keeps eligible leader replicas.
pub const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";

/// The `metadata.version` of Kafka 4.4 (4.4-IV2), which new clusters have.
pub const METADATA_VERSION_LATEST: i16 = 33;
/// The oldest `metadata.version` Kafka 4.4 can live with (3.3-IV3).
pub const METADATA_VERSION_MIN: i16 = 7;

/// The names and levels, lowest and highest, both included, that Ottla can live with.
pub const SUPPORTED: &[(&str, i16, i16)] = &[
    (METADATA_VERSION, METADATA_VERSION_MIN, METADATA_VERSION_LATEST),
    (KRAFT_VERSION, 0, 1),
    (ELIGIBLE_LEADER_REPLICAS_VERSION, 0, 1),
    (GROUP_VERSION, 0, 0),
    (TRANSACTION_VERSION, 0, 2),
    (SHARE_VERSION, 0, 0),
    (STREAMS_VERSION, 0, 0),
];

/// The levels a new cluster starts with.
pub const INITIAL: &[(&str, i16)] = &[
    (METADATA_VERSION, METADATA_VERSION_LATEST),
    (ELIGIBLE_LEADER_REPLICAS_VERSION, 1),
    (TRANSACTION_VERSION, 2),
];

/// What Ottla can live with, leaving out what is always off.
pub fn supported() -> impl Iterator<Item = FeatureRange> {
    SUPPORTED.iter().filter(|(_, _, max)| *max > 0).map(|(name, min, max)| FeatureRange {
        name: (*name).to_owned(),
        min: *min,
        max: *max,
    })
}

/// The finalized levels that clients may rely on: those of the image, but never one that Ottla
/// cannot keep. (A directory taken over from Kafka may have finalized more.)
pub fn finalized(image: &Image) -> impl Iterator<Item = (&str, i16)> {
    image.features().filter_map(|(name, level)| {
        let (_, _, max) = SUPPORTED.iter().find(|(known, _, _)| *known == name)?;
        let level = level.min(*max);
        (level > 0).then_some((name, level))
    })
}

/// The level of a feature that holds: the finalized one, but never more than Ottla can keep.
pub fn finalized_level(image: &Image, name: &str) -> i16 {
    let max = SUPPORTED.iter().find(|(known, ..)| *known == name).map_or(0, |(.., max)| *max);
    image.feature(name).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide;

    #[test]
    fn a_new_cluster_has_what_it_starts_with() {
        let image = Image::from_records(&decide::bootstrap(&[])).unwrap();
        assert_eq!(
            finalized(&image).collect::<Vec<_>>(),
            [
                (ELIGIBLE_LEADER_REPLICAS_VERSION, 1),
                (METADATA_VERSION, 33),
                (TRANSACTION_VERSION, 2)
            ]
        );
        assert!(image.is_elr_enabled());
    }

    #[test]
    fn levels_that_cannot_be_kept_are_not_shown() {
        let mut image = Image::new();
        for (name, level) in [(SHARE_VERSION, 2), (METADATA_VERSION, 40), ("new.version", 1)] {
            let record = ottla_wire::feature_level_record::FeatureLevelRecord {
                name: name.into(),
                feature_level: level,
            };
            image.replay(&record.into()).unwrap();
        }
        assert_eq!(finalized(&image).collect::<Vec<_>>(), [(METADATA_VERSION, 33)]);
        assert_eq!(image.feature(SHARE_VERSION), 2);
    }

    #[test]
    fn features_that_are_always_off_are_not_offered() {
        let names: Vec<_> = supported().map(|range| range.name).collect();
        assert_eq!(
            names,
            [
                METADATA_VERSION,
                KRAFT_VERSION,
                ELIGIBLE_LEADER_REPLICAS_VERSION,
                TRANSACTION_VERSION
            ]
        );
    }
}
