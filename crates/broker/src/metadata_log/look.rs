//! The metadata log of a broker that is stopped, read and left as it is.

use bytes::Bytes;
use ottla_log::{Dir, StoppedDir};
use ottla_metadata::{Image, control::Quorum};
use ottla_record::{Batches, check_crc};
use ottla_types::{BrokerId, Offset, TopicPartition};

use super::{
    Decoded, MetadataLogError, PREPARED, check_version, check_voters, decode, malformed,
    quorum_state, replay, snapshots,
};

/// The image that the log gives, if this node can decide alone on what follows.
pub(crate) fn look(
    source: &StoppedDir,
    at: &TopicPartition,
    node_id: BrokerId,
) -> Result<Image, MetadataLogError> {
    let dir = source.partition_dir(at);
    let (mut image, mut quorum, mut next) = (Image::new(), Quorum::default(), Offset::ZERO);
    if let Some(contents) = snapshots::read(dir.as_ref(), &PREPARED.file_name())? {
        quorum = contents.quorum;
    }
    if let Some((snapshot, voters)) = snapshots::newest_readable(dir.as_ref())? {
        replay(&mut image, &snapshot.records)?;
        (quorum, next) = (voters, snapshot.id.end_offset);
    }
    let mut torn = None;
    let (mut file, mut end) = (String::new(), 0);
    for segment in source.segments(at)? {
        let bytes = dir.read(&segment.name).map_err(malformed)?.unwrap_or_default();
        let bytes = Bytes::from(bytes);
        (file, end) = (segment.name.clone(), 0_usize);
        for batch in Batches::new(&bytes) {
            let sound = batch.and_then(|(header, batch)| {
                check_crc(batch)?;
                Ok((header, batch))
            });
            let Ok((header, batch)) = sound else {
                torn = torn.or(Some((segment.name, end)));
                break;
            };
            let position = end;
            end = end.saturating_add(batch.len());
            if header.next_offset() <= next {
                continue;
            }
            if torn.is_some() || header.base_offset > next {
                return Err(damaged(dir.as_ref(), torn.unwrap_or((file, position)), next));
            }
            match decode(&bytes.slice_ref(batch))?.1 {
                Decoded::Metadata(records) => replay(&mut image, &records)?,
                Decoded::Control(records) => {
                    for record in &records {
                        quorum.replay(record).map_err(malformed)?;
                    }
                }
            }
            next = header.next_offset();
        }
    }
    let synced = source.read_checkpoints()?.recovery_points.get(at).copied().unwrap_or_default();
    // Only what was not synced yet can be torn by a crash; recovery cuts that.
    if next < synced || (torn.is_some() && source.was_clean()) {
        return Err(damaged(dir.as_ref(), torn.unwrap_or((file, end)), next));
    }
    check_version(&image)?;
    let directory_id = source.meta().map(|meta| meta.directory_id).unwrap_or_default();
    let state = quorum_state::read(dir.as_ref())?;
    check_voters(dir.as_ref(), &quorum, state.as_ref(), (node_id, directory_id))?;
    Ok(image)
}

/// Records are lost, which a crash does not do: what is imported would lack topics.
fn damaged(dir: &dyn Dir, (file, position): (String, usize), next: Offset) -> MetadataLogError {
    let path = dir.path().join(file);
    let path = path.display();
    MetadataLogError::Malformed(format!(
        "{path} is damaged at position {position}: records of the cluster metadata from offset {next} \
         on are lost. Look at it with: ottla log dump {path}"
    ))
}
