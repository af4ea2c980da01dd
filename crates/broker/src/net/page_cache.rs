//! Keeps the disk from holding up a thread that serves many connections: records that are not in
//! the page cache are read into it by a thread that may wait.
//!
//! `sendfile` waits for the disk where a page is missing, and with it every connection of the
//! thread. So it is only called for pages that are there. Budget: two reads of one byte for each
//! piece that is sent, which do not wait, and none more for one that is copied; for a cold piece one
//! copy more, and the disk is asked for what comes after it meanwhile.
//! Kafka: nothing; its network threads wait for the disk.

use std::{
    fs::File,
    io::{self, IoSliceMut},
    num::NonZeroU64,
};

use bytes::BytesMut;
use ottla_log::FileRange;
use rustix::{
    fs::Advice,
    io::{Errno, ReadWriteFlags},
};
use tokio::{io::Interest, net::TcpStream};

/// The most one `sendfile` call is asked for, so that one reader of a large range does not keep
/// the thread from the others.
const SENDFILE_BYTES_MAX: usize = 1 << 20;

/// How far ahead of a cold piece the disk is asked to read.
const READ_AHEAD_BYTES: NonZeroU64 = NonZeroU64::new(8 << 20).unwrap();

/// What one read into the page cache copies.
const COPY_BYTES: usize = 128 * 1024;

/// Moves a file range to the socket inside the kernel.
pub(super) async fn send(stream: &TcpStream, range: &FileRange) -> io::Result<()> {
    let Some(file) = range.as_file() else { return Ok(()) };
    let mut position = range.position;
    let mut left = range.length;
    let mut ready = 0;
    while left > 0 {
        if ready == 0 {
            ready = left.min(SENDFILE_BYTES_MAX);
            bring_in(range, range.length.saturating_sub(left), ready).await?;
        }
        let sent = stream
            .async_io(Interest::WRITABLE, || {
                let mut from = position;
                Ok(rustix::fs::sendfile(stream, file, Some(&mut from), ready)?)
            })
            .await?;
        if sent == 0 {
            // The segment is shorter than the log said: only a truncation from outside does that.
            // The size prefix is out already, so the connection cannot be saved.
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a segment file shrank"));
        }
        position = position.saturating_add(u64::try_from(sent).unwrap_or(0));
        left = left.saturating_sub(sent);
        ready = ready.saturating_sub(sent);
    }
    Ok(())
}

/// Brings `count` bytes of the range, from `skip` on, into the page cache unless they are there.
async fn bring_in(range: &FileRange, skip: usize, count: usize) -> io::Result<()> {
    let Some(file) = range.as_file() else { return Ok(()) };
    let first = range.position.saturating_add(skip as u64);
    let last = first.saturating_add(count.saturating_sub(1) as u64);
    // The middle is not looked at: pages come and go in runs.
    if is_there(file, first) && is_there(file, last) {
        return Ok(());
    }
    let range = range.clone();
    let read = tokio::task::spawn_blocking(move || read_through(&range, skip, count));
    read.await.map_err(io::Error::other)?
}

/// Adds the bytes of a range to `memory`. Pages that are not there are read by a thread that may wait.
pub(super) async fn copy(range: &FileRange, memory: &mut BytesMut) -> io::Result<()> {
    let begin = memory.len();
    memory.resize(begin.saturating_add(range.length), 0);
    let Some(room) = memory.get_mut(begin..) else { return Ok(()) };
    let Some(file) = range.as_file() else { return range.read_at(room, 0) };
    let read = rustix::io::preadv2(
        file,
        &mut [IoSliceMut::new(room)],
        range.position,
        ReadWriteFlags::NOWAIT,
    );
    match read {
        Ok(count) if count == room.len() => return Ok(()),
        Ok(_) | Err(Errno::AGAIN) => {}
        // The file system cannot tell what is there: as for `sendfile`, it counts as there.
        Err(_) => return range.read_at(room, 0),
    }
    let range = range.clone();
    let read = tokio::task::spawn_blocking(move || range.read());
    room.copy_from_slice(&read.await.map_err(io::Error::other)??);
    Ok(())
}

/// Whether a byte is in the page cache. Where the kernel cannot tell it counts as there, and
/// `sendfile` waits for it or fails, as it would have.
fn is_there(file: &File, position: u64) -> bool {
    let mut byte = [0];
    let read = rustix::io::preadv2(
        file,
        &mut [IoSliceMut::new(&mut byte)],
        position,
        ReadWriteFlags::NOWAIT,
    );
    read != Err(Errno::AGAIN)
}

fn read_through(range: &FileRange, skip: usize, count: usize) -> io::Result<()> {
    if let Some(file) = range.as_file() {
        let ahead = range.position.saturating_add(skip as u64);
        // Only a hint: a kernel that does not take it reads more slowly.
        match rustix::fs::fadvise(file, ahead, Some(READ_AHEAD_BYTES), Advice::WillNeed) {
            Ok(()) | Err(_) => {}
        }
    }
    let mut buffer = vec![0; COPY_BYTES.min(count)];
    let mut done = 0;
    while done < count {
        let size = buffer.len().min(count - done);
        let Some(piece) = buffer.get_mut(..size) else { break };
        range.read_at(piece, skip.saturating_add(done))?;
        done += size;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_was_just_written_is_there_and_what_was_dropped_is_not() {
        // A file in memory is always there: this needs one on a disk.
        let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        file.write_all(&vec![7; 1 << 20]).unwrap();
        assert!(is_there(&file, 0));
        assert!(is_there(&file, (1 << 20) - 1));
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        assert!(!is_there(&file, 1 << 19));
    }
}
