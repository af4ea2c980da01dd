//! The metadata log of a broker that is stopped, read and left as it is.

use bytes::Bytes;
use ottla_log::StoppedDir;
use ottla_metadata::{Image, control::Quorum};
use ottla_record::Batches;
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
    for segment in source.segments(at)? {
        let bytes = dir.read(&segment.name).map_err(malformed)?.unwrap_or_default();
        let bytes = Bytes::from(bytes);
        for batch in Batches::new(&bytes) {
            // A crash may have torn the last batch: recovery cuts it.
            let Ok((header, batch)) = batch else { break };
            if header.next_offset() <= next {
                continue;
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
    check_version(&image)?;
    let directory_id = source.meta().map(|meta| meta.directory_id).unwrap_or_default();
    check_voters(&quorum, quorum_state::read(dir.as_ref())?.as_ref(), (node_id, directory_id))?;
    Ok(image)
}
