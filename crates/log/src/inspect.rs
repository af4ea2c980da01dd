//! Looks at the files of a partition without opening it: nothing is locked, repaired or changed.
//!
//! Invariants: memory is bounded by the largest batch and the indexes of one segment; a file that
//! is damaged gives findings, never an error. Kafka: `DumpLogSegments`.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use ottla_record::{BATCH_OVERHEAD, BatchError, BatchHeader, Record, decode_batch};
use ottla_types::Offset;

use crate::{
    dir::{Dir, DiskDir, LogFile, OpenMode},
    epochs::EpochCache,
    index::{Entry, OffsetEntry, TimeEntry},
    names::{self, Kind},
    producers::snapshot,
    txn_index, write_ahead,
};

mod segment;
mod text;
mod transactions;

use self::transactions::Transactions;

/// Most bytes the records of one batch may decompress to.
const DECOMPRESSED_BYTES_MAX: usize = 1 << 30;

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// Where in the file, in bytes, if it is at one place.
    pub position: Option<u64>,
    /// What is wrong there.
    pub cause: String,
}

impl Finding {
    fn new(file: &Path, position: Option<u64>, cause: impl fmt::Display) -> Self {
        Self { file: file.to_owned(), position, cause: cause.to_string() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match self.position {
            Some(position) => write!(f, "{file} at position {position}: {}", self.cause),
            None => write!(f, "{file}: {}", self.cause),
        }
    }
}

/// A batch of a segment file. Of it, only the header's own fields were checked.
#[derive(Clone, Debug)]
pub struct InspectedBatch {
    /// Where it starts in the file, in bytes.
    pub position: u64,
    /// Its header.
    pub header: BatchHeader,
    /// All of it, header included.
    pub bytes: Bytes,
}

impl InspectedBatch {
    /// Its records, after its checksum was compared.
    pub fn records(&self) -> Result<Vec<(Offset, Record)>, BatchError> {
        decode_batch(&self.bytes, DECOMPRESSED_BYTES_MAX).map(|(_, records)| records)
    }
}

/// The batches of a segment file in their order. What cannot be a batch ends the walk.
#[derive(Debug)]
pub struct SegmentBatches {
    path: PathBuf,
    file: Arc<dyn LogFile>,
    position: u64,
    end: u64,
}

impl SegmentBatches {
    /// Starts at the beginning of the file at this path.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (dir, name) = split(path);
        let file = dir.open(&name, OpenMode::Read)?;
        let end = file.size()?;
        Ok(Self { path: path.to_owned(), file, position: 0, end })
    }

    fn read(&self, size: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; size];
        let read = self.file.read_at(&mut bytes, self.position)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn batch(&self) -> Result<InspectedBatch, String> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let start = self.read(BATCH_OVERHEAD.min(left)).map_err(|error| error.to_string())?;
        let header = BatchHeader::parse(&start).map_err(|error| error.to_string())?;
        if header.size() > left {
            return Err(BatchError::Truncated { needed: header.size(), have: left }.to_string());
        }
        let bytes = Bytes::from(self.read(header.size()).map_err(|error| error.to_string())?);
        Ok(InspectedBatch { position: self.position, header, bytes })
    }
}

impl Iterator for SegmentBatches {
    type Item = Result<InspectedBatch, Finding>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.position >= self.end {
            return None;
        }
        match self.batch() {
            Ok(batch) => {
                self.position += batch.bytes.len() as u64;
                Some(Ok(batch))
            }
            Err(cause) => {
                let position = std::mem::replace(&mut self.position, self.end);
                let left = self.end - position;
                let cause = format!("{cause} (the last {left} bytes are no batch)");
                Some(Err(Finding::new(&self.path, Some(position), cause)))
            }
        }
    }
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Segments.
    pub segments: u64,
    /// Batches.
    pub batches: u64,
    /// Records.
    pub records: u64,
    /// Bytes of batches.
    pub bytes: u64,
    /// What is wrong, in the order of the files.
    pub findings: Vec<Finding>,
}

/// Looks at every file of a partition's directory: checksums, records, the order of offsets, and
/// whether the indexes lead to where they should.
pub fn inspect_partition(path: &Path) -> io::Result<Inspection> {
    let dir = DiskDir::new(path);
    let mut files: Vec<(Offset, Kind)> =
        dir.list()?.iter().filter_map(|name| names::parse(name)).collect();
    files.sort_unstable();
    let mut inspection = Inspection::default();
    let epochs = epochs(&dir, &mut inspection)?;
    let mut transactions = Transactions::default();
    let bases: Vec<Offset> =
        files.iter().filter(|(_, kind)| *kind == Kind::Log).map(|(base, _)| *base).collect();
    for (base, kind) in &files {
        match kind {
            Kind::Log => {
                let next = bases.iter().find(|next| *next > base);
                let limit = next.copied().unwrap_or(Offset(i64::MAX));
                let known = (&epochs, &mut transactions);
                segment::inspect(&dir, (*base, limit), known, &mut inspection)?;
            }
            Kind::Snapshot => {
                let name = names::name(*base, *kind);
                let content = dir.read(&name)?.unwrap_or_default();
                if let Err(cause) = snapshot::parse(&content) {
                    inspection.findings.push(Finding::new(&path.join(name), None, cause));
                }
            }
            // Looked at with their segment; one without a segment belongs to nobody.
            Kind::OffsetIndex | Kind::TimeIndex | Kind::TxnIndex => {
                if files.binary_search(&(*base, Kind::Log)).is_err() {
                    let file = path.join(names::name(*base, *kind));
                    inspection.findings.push(Finding::new(&file, None, "its segment is missing"));
                }
            }
        }
    }
    Ok(inspection)
}

/// The leader epochs of the partition; none where their file does not say.
fn epochs(dir: &DiskDir, out: &mut Inspection) -> io::Result<EpochCache> {
    let content = dir.read(names::LEADER_EPOCHS)?.unwrap_or_default();
    Ok(EpochCache::parse(&content).unwrap_or_else(|fault| {
        let file = dir.path().join(names::LEADER_EPOCHS);
        out.findings.push(Finding::new(&file, None, fault));
        EpochCache::default()
    }))
}

/// What is in a file that holds no batches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// The entries of an index, a producer snapshot, an epoch checkpoint or a write-ahead log, or
    /// the lines of another text file.
    pub lines: Vec<String>,
    /// What is wrong with the file.
    pub finding: Option<Finding>,
}

impl Described {
    fn new(path: &Path, lines: Result<Vec<String>, impl fmt::Display>) -> Self {
        match lines {
            Ok(lines) => Self { lines, finding: None },
            Err(cause) => {
                Self { lines: Vec::new(), finding: Some(Finding::new(path, None, cause)) }
            }
        }
    }
}

/// What is in a file, one a line.
pub fn describe_file(path: &Path) -> io::Result<Described> {
    let (dir, name) = split(path);
    let content = dir.read(&name)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    if name == names::LEADER_EPOCHS {
        let epochs = EpochCache::parse(&content);
        return Ok(Described::new(path, epochs.map(|epochs| epoch_lines(&epochs))));
    }
    if write_ahead::FILE_NAMES.contains(&name.as_str()) {
        return Ok(Described::new(path, write_ahead::describe(&content)));
    }
    if let Some(checked) = text::check(&name, &content) {
        let finding = checked.err().map(|fault| Finding::new(path, None, fault));
        return Ok(Described { lines: text::lines(&content), finding });
    }
    Ok(Described::new(path, entry_lines(&name, &content)))
}

/// The entries of a file that belongs to a segment.
fn entry_lines(name: &str, content: &[u8]) -> Result<Vec<String>, String> {
    let Some((base, kind)) = names::parse(name) else {
        return Err("its name is not that of a file of a log".to_owned());
    };
    match kind {
        Kind::OffsetIndex => Ok(entries::<OffsetEntry>(content)
            .map(|it| format!("offset={} position={}", it.offset(base), it.position))
            .collect()),
        Kind::TimeIndex => Ok(entries::<TimeEntry>(content)
            .map(|it| format!("time={} offset={}", it.timestamp, it.offset(base)))
            .collect()),
        Kind::TxnIndex => Ok(txn_index::parse(content).iter().map(txn_line).collect()),
        Kind::Snapshot => match snapshot::parse(content) {
            Ok(producers) => Ok(producers
                .iter()
                .map(|(id, it)| {
                    format!(
                        "producer={id}/{} last_sequence={} time={} open_transaction={}",
                        it.producer_epoch,
                        it.last_sequence(),
                        it.last_timestamp,
                        it.current_txn_first_offset.unwrap_or(Offset::NONE)
                    )
                })
                .collect()),
            Err(cause) => Err(cause.to_string()),
        },
        Kind::Log => Err("it is a segment: read its batches".to_owned()),
    }
}

fn epoch_lines(epochs: &EpochCache) -> Vec<String> {
    let entries = epochs.entries().iter();
    entries.map(|(epoch, start)| format!("leader_epoch={epoch} start_offset={start}")).collect()
}

fn txn_line(it: &txn_index::AbortedTxn) -> String {
    format!(
        "producer={} first_offset={} last_offset={} last_stable_offset={}",
        it.producer_id, it.first_offset, it.last_offset, it.last_stable_offset
    )
}

/// The entries of an index file, without the zeros that Kafka leaves behind the last one.
fn entries<E: Entry>(content: &[u8]) -> impl Iterator<Item = E> {
    let mut is_first = true;
    content.chunks_exact(E::SIZE).filter_map(E::decode).take_while(move |entry| {
        let is_entry = is_first || !entry.is_padding();
        is_first = false;
        is_entry
    })
}

fn split(path: &Path) -> (DiskDir, String) {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    (DiskDir::new(parent.unwrap_or(Path::new("."))), name.unwrap_or_default())
}

impl OffsetEntry {
    fn offset(self, base: Offset) -> Offset {
        base.plus(self.relative.into())
    }
}

impl TimeEntry {
    fn offset(self, base: Offset) -> Offset {
        base.plus(self.relative.into())
    }
}
