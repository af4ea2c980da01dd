//! Who is logged in: sessions by their secrets, which only cookies have.
//!
//! Invariants: a secret is 256 random bits and is compared in constant time; there are only so many
//! sessions, of which the oldest goes; each ends by itself. Kafka: none.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    encoding::{from_hex, hex},
    error::ApiError,
    users::Known,
};

/// How long a session lasts.
pub(crate) const LASTS: Duration = Duration::from_hours(12);

/// Sessions at once.
const OPEN_MAX: usize = 256;

type Secret = [u8; 32];

/// The sessions that are open, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<VecDeque<Session>>);

#[derive(Debug)]
struct Session {
    secret: Secret,
    user: Known,
    until: Instant,
}

impl Sessions {
    /// Opens a session and gives its secret as text.
    pub(crate) fn open(&self, user: Known, now: Instant) -> Result<String, ApiError> {
        let mut secret = Secret::default();
        getrandom::fill(&mut secret).map_err(|error| ApiError::unavailable(error.to_string()))?;
        let mut sessions = self.lock();
        sessions.retain(|it| it.until > now);
        if sessions.len() >= OPEN_MAX {
            sessions.pop_front();
        }
        sessions.push_back(Session { secret, user, until: now + LASTS });
        Ok(hex(&secret))
    }

    /// Whose session a secret is of.
    pub(crate) fn find(&self, secret: &str, now: Instant) -> Option<Known> {
        let secret = from_hex(secret)?;
        // All of them are looked at: the time says nothing about which one it is.
        let mut found = None;
        for session in self.lock().iter() {
            if is_same(&session.secret, &secret) && session.until > now {
                found = Some(session.user.clone());
            }
        }
        found
    }

    /// Ends a session.
    pub(crate) fn close(&self, secret: &str) {
        if let Some(secret) = from_hex(secret) {
            self.lock().retain(|it| !is_same(&it.secret, &secret));
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_same(a: &Secret, b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Known {
        Known { name: "ada".into(), is_read_only: false }
    }

    #[test]
    fn a_session_is_found_by_its_secret_until_it_ends() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (one, other) = (sessions.open(ada(), now).unwrap(), sessions.open(ada(), now).unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 64);
        assert_eq!(sessions.find(&one, now), Some(ada()));
        assert_eq!(sessions.find(&one, now + LASTS), None);
        let cut = one.strip_suffix(|_: char| true).unwrap();
        for wrong in ["", "00", cut, &"0".repeat(64)] {
            assert_eq!(sessions.find(wrong, now), None);
        }
        sessions.close(&one);
        assert_eq!((sessions.find(&one, now), sessions.find(&other, now)), (None, Some(ada())));
    }

    #[test]
    fn the_oldest_session_goes_where_there_are_too_many() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let first = sessions.open(ada(), now).unwrap();
        let second = sessions.open(ada(), now).unwrap();
        for _ in 2..=OPEN_MAX {
            sessions.open(ada(), now).unwrap();
        }
        assert_eq!((sessions.find(&first, now), sessions.find(&second, now)), (None, Some(ada())));
    }
}
