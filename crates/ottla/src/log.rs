//! `ottla log`: what is in a partition's files, and whether it is as it must be. No broker is
//! needed, and nothing is changed.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Subcommand;
use ottla_cli::Exit;
use ottla_log::inspect::{
    InspectedBatch, Inspection, SegmentBatches, describe_file, inspect_partition,
};
use ottla_record::{BatchHeader, Record, TimestampType};
use ottla_types::Offset;

/// Look at a partition's files, without a broker.
#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    /// Show what is in segments, indexes, producer snapshots, checkpoints and the other small
    /// files.
    Dump {
        /// The files, as in `ottla-data/London-0/00000000000000000000.log`, or partitions'
        /// directories, whose segments are shown in order.
        #[arg(required = true, value_name = "FILES")]
        paths: Vec<PathBuf>,
        /// The records of each batch too.
        #[arg(short, long)]
        records: bool,
    },
    /// Check every file: checksums, records, offsets, and where the indexes lead.
    ///
    /// What is found is printed, one line each; the exit code is then 10.
    Verify {
        /// Partitions' directories, or data directories with partitions in them.
        #[arg(required = true)]
        directories: Vec<PathBuf>,
    },
}

/// Runs the command.
pub(crate) fn run(command: &Log) -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let done = match command {
        Log::Dump { paths, records } => dump(paths, *records, &mut out),
        Log::Verify { directories } => verify(directories, &mut out),
    };
    match done.and_then(|exit| out.flush().map(|()| exit).map_err(Into::into)) {
        Ok(exit) => exit.into(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr().lock(), "ottla: {error:#}"));
            let is_missing = io_kind(&error) == Some(io::ErrorKind::NotFound);
            if is_missing { Exit::NotFound.into() } else { ExitCode::FAILURE }
        }
    }
}

fn io_kind(error: &anyhow::Error) -> Option<io::ErrorKind> {
    error.root_cause().downcast_ref().map(io::Error::kind)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    io_kind(error) == Some(io::ErrorKind::BrokenPipe)
}

fn dump(paths: &[PathBuf], records: bool, out: &mut impl Write) -> anyhow::Result<Exit> {
    let mut exit = Exit::Ok;
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(segments_below(path)?);
        } else {
            files.push(path.clone());
        }
    }
    for file in &files {
        if files.len() > 1 {
            writeln!(out, "{}", file.display())?;
        }
        let whole = if has_batches(file) {
            dump_segment(file, records, out)?
        } else {
            dump_entries(file, out)?
        };
        if !whole {
            exit = Exit::Findings;
        }
    }
    Ok(exit)
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}

/// Shows the batches. `false` if something is wrong with one.
fn dump_segment(file: &Path, records: bool, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut is_whole = true;
    for batch in SegmentBatches::open(file).with_context(|| cannot_read(file))? {
        let batch = match batch {
            Ok(batch) => batch,
            Err(finding) => {
                writeln!(out, "{finding}")?;
                return Ok(false);
            }
        };
        write!(out, "{}", batch_line(&batch))?;
        match batch.records() {
            Err(error) => {
                is_whole = false;
                writeln!(out, " DAMAGED: {error}")?;
            }
            Ok(all) => {
                writeln!(out)?;
                for (offset, record) in all.iter().filter(|_| records) {
                    writeln!(out, "  {}", record_line(*offset, record))?;
                }
            }
        }
    }
    Ok(is_whole)
}

fn dump_entries(file: &Path, out: &mut impl Write) -> anyhow::Result<bool> {
    let described = describe_file(file).with_context(|| cannot_read(file))?;
    for line in &described.lines {
        writeln!(out, "{line}")?;
    }
    if let Some(finding) = &described.finding {
        writeln!(out, "{finding}")?;
    }
    Ok(described.finding.is_none())
}

fn batch_line(batch: &InspectedBatch) -> String {
    let header: &BatchHeader = &batch.header;
    let attributes = header.attributes;
    let codec = attributes.compression().map_or("unknown", |codec| codec.name());
    let mut line = format!(
        "position={} offsets={}..{} records={} bytes={} codec={codec} time={} leader_epoch={}",
        batch.position,
        header.base_offset,
        header.last_offset(),
        header.record_count,
        batch.bytes.len(),
        header.max_timestamp,
        header.leader_epoch,
    );
    if header.producer_id.is_some() {
        let (id, epoch) = (header.producer_id, header.producer_epoch);
        let (first, last) = (header.base_sequence, header.last_sequence());
        line = format!("{line} producer={id}/{epoch} sequences={first}..{last}");
    }
    let marks = [
        (attributes.is_transactional(), " transactional"),
        (attributes.is_control(), " control"),
        (attributes.timestamp_type() == TimestampType::LogAppendTime, " append_time"),
    ];
    for (_, mark) in marks.iter().filter(|(is_set, _)| *is_set) {
        line.push_str(mark);
    }
    line
}

fn record_line(offset: Offset, record: &Record) -> String {
    let shown = |bytes: Option<&[u8]>| match bytes {
        Some(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        None => "null".to_owned(),
    };
    let (key, value) = (shown(record.key.as_deref()), shown(record.value.as_deref()));
    let headers = record.headers.iter();
    let headers: Vec<String> =
        headers.map(|it| format!(" {}={}", it.key, shown(it.value.as_deref()))).collect();
    format!("offset={offset} time={} key={key} value={value}{}", record.timestamp, headers.concat())
}

fn verify(directories: &[PathBuf], out: &mut impl Write) -> anyhow::Result<Exit> {
    let mut all = Inspection::default();
    let mut count = 0;
    for directory in directories {
        for partition in partitions_in(directory).with_context(|| cannot_read(directory))? {
            let found = inspect_partition(&partition).with_context(|| cannot_read(&partition))?;
            for finding in &found.findings {
                writeln!(out, "{finding}")?;
            }
            count += 1;
            all.segments += found.segments;
            all.batches += found.batches;
            all.records += found.records;
            all.bytes += found.bytes;
            all.findings.extend(found.findings);
        }
    }
    out.flush()?;
    let Inspection { segments, batches, records, bytes, findings } = &all;
    let found = match findings.len() {
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    writeln!(
        io::stderr().lock(),
        "{count} partitions, {segments} segments, {batches} batches, {records} records, {bytes} \
         bytes: {found}"
    )?;
    Ok(if findings.is_empty() { Exit::Ok } else { Exit::Findings })
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "log")
}

/// Whether a file holds batches: a segment, or a snapshot of the cluster metadata.
fn has_batches(path: &Path) -> bool {
    is_segment(path) || path.extension().is_some_and(|extension| extension == "checkpoint")
}

/// The segments of a partition's directory, or of those in a data directory. Their names are as
/// long as each other, so that their order is that of the offsets.
fn segments_below(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut segments = Vec::new();
    for partition in partitions_in(directory).with_context(|| cannot_read(directory))? {
        let mut own = Vec::new();
        for entry in std::fs::read_dir(&partition).with_context(|| cannot_read(&partition))? {
            own.push(entry.with_context(|| cannot_read(&partition))?.path());
        }
        own.retain(|path| is_segment(path));
        own.sort();
        segments.append(&mut own);
    }
    anyhow::ensure!(!segments.is_empty(), "{} holds no segments", directory.display());
    Ok(segments)
}

/// The directory itself if it holds segments, else the partitions in it.
fn partitions_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut partitions = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if is_segment(&path) {
            return Ok(vec![directory.to_owned()]);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name.rsplit_once('-').map(|(_, number)| number);
        let is_numbered = number.is_some_and(|number| number.parse::<u32>().is_ok());
        if is_numbered && path.is_dir() {
            partitions.push(path);
        }
    }
    partitions.sort();
    Ok(partitions)
}
