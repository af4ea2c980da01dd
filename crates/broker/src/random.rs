//! Ids that nobody can guess, from one place.
//!
//! Kafka: `Uuid.randomUuid`.

use ottla_types::Uuid;

/// A random id, for a topic or whatever else needs one.
pub(crate) fn new_id() -> Uuid {
    loop {
        if let Some(id) = Uuid::from_random(rand_bytes()) {
            return id;
        }
    }
}

/// 16 bytes from the operating system.
fn rand_bytes() -> [u8; 16] {
    #[cfg(feature = "simulation")]
    if let Some(bytes) = crate::simulation::random_bytes() {
        return bytes;
    }
    let mut bytes = [0; 16];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) => tracing::error!("no random bytes: {error}"),
        }
    }
    bytes
}
