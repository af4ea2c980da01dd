//! Keeps the disk from holding up a thread that serves many connections: records that are not in
//! the page cache are sent, or read, by a thread that may wait.
//!
//! `sendfile` waits for the disk where a page is missing, and with it every connection of the
//! thread. So that thread calls it only for pages that are there. Budget: two reads of one byte for
//! each piece that is sent, which do not wait, and none more for one that is copied; of a cold
//! range, one change of threads for each time that the socket is full.
//!
//! What comes next is left to the kernel's own read-ahead: it reads into large folios, which cost
//! half of the CPU that pages cost which are asked for by `fadvise` (0.26 and 0.52 s a GB, sent),
//! and it asks for the next window when the one before is being sent.
//! Kafka: nothing; its network threads wait for the disk.

use std::{
    fs::File,
    io::{self, IoSliceMut},
    ops::Range,
    os::fd::{AsFd, OwnedFd},
};

use bytes::BytesMut;
use ottla_log::FileRange;
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    fs::Advice,
    io::{Errno, ReadWriteFlags},
    net::Shutdown,
};
use tokio::{io::Interest, net::TcpStream};

/// The most one `sendfile` call of a thread that serves others is asked for, so that one reader of
/// a large range does not keep it from the rest.
const SENDFILE_BYTES_MAX: usize = 1 << 20;

/// Moves a range to the socket inside the kernel.
pub(super) async fn send(stream: &TcpStream, range: &FileRange) -> io::Result<()> {
    let Some(file) = range.as_file() else { return Ok(()) };
    let mut done = 0;
    while done < range.length {
        let end = range.length.min(done.saturating_add(SENDFILE_BYTES_MAX));
        // The middle is not looked at: pages come and go in runs.
        if !is_there(file, place(range, done)) || !is_there(file, place(range, end - 1)) {
            return send_cold(stream, range, done).await;
        }
        while done < end {
            done += stream
                .async_io(Interest::WRITABLE, || sendfile(stream, file, range, done..end))
                .await?;
        }
    }
    Ok(())
}

/// Sends a range from `done` on by threads that may wait for the disk, though not for the socket.
async fn send_cold(stream: &TcpStream, range: &FileRange, mut done: usize) -> io::Result<()> {
    loop {
        let (socket, range) = (stream.as_fd().try_clone_to_owned()?, range.clone());
        let end = range.length;
        let send = move || send_while_it_takes(&socket, &range, done);
        let mut unanswered = Unanswered(Some(stream));
        let sent = tokio::task::spawn_blocking(send).await;
        unanswered.0 = None;
        done = sent.map_err(io::Error::other)??;
        if done >= end {
            return Ok(());
        }
        // It was full for another thread, and may have room by now: only asking tells.
        stream.async_io(Interest::WRITABLE, || has_room(stream)).await?;
    }
}

/// A connection for which another thread sends. If that is given up, the socket ends: the thread
/// has a hold on it, and would go on.
struct Unanswered<'s>(Option<&'s TcpStream>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let Some(stream) = self.0 else { return };
        // It fails where the client has ended it.
        match rustix::net::shutdown(stream, Shutdown::Both) {
            Ok(()) | Err(_) => {}
        }
    }
}

/// Sends a range from `done` on until the socket is full. Up to where it came.
fn send_while_it_takes(socket: &OwnedFd, range: &FileRange, mut done: usize) -> io::Result<usize> {
    let Some(file) = range.as_file() else { return Ok(range.length) };
    // Only a hint, for twice the read-ahead: a kernel that does not take it reads more slowly.
    match rustix::fs::fadvise(file, 0, None, Advice::Sequential) {
        Ok(()) | Err(_) => {}
    }
    while done < range.length {
        match sendfile(socket, file, range, done..range.length) {
            Ok(sent) => done += sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// One call: how many bytes of these, counted from the range's beginning, the socket took.
fn sendfile(
    socket: &impl AsFd,
    file: &File,
    range: &FileRange,
    bytes: Range<usize>,
) -> io::Result<usize> {
    let mut from = place(range, bytes.start);
    match rustix::fs::sendfile(socket, file, Some(&mut from), bytes.len())? {
        // The segment is shorter than the log said: only a truncation from outside does that.
        // The size prefix is out already, so the connection cannot be saved.
        0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a segment file shrank")),
        sent => Ok(sent),
    }
}

fn has_room(stream: &TcpStream) -> io::Result<()> {
    let mut asked = [PollFd::new(stream, PollFlags::OUT)];
    match rustix::event::poll(&mut asked, Some(&Timespec::default())) {
        Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
        // Who was interrupted finds out when it sends.
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Where in its file a byte of the range is.
fn place(range: &FileRange, at: usize) -> u64 {
    range.position.saturating_add(at as u64)
}

/// Adds the bytes of a range to `memory`. Pages that are not there are read by a thread that may
/// wait.
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
