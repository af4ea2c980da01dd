//! How often an address may be wrong about a password before it has to wait.
//!
//! Invariants: an attempt counts when it begins, so that many at once are no way around it; what is
//! kept of addresses is bounded. Kafka: none.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Attempts that nobody waits for.
const FREE: u32 = 5;

/// The longest wait.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// When an address is forgotten.
const REMEMBERED: Duration = Duration::from_mins(15);

/// Addresses that are remembered.
const ADDRESSES_MAX: usize = 4_096;

/// What addresses have tried.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<IpAddr, Tried>>);

#[derive(Clone, Copy, Debug)]
struct Tried {
    attempts: u32,
    last: Instant,
}

impl Tried {
    fn next(&self) -> Instant {
        let late = self.attempts.checked_sub(FREE);
        let wait = late.map_or(0, |late| 1_u64.checked_shl(late).unwrap_or(u64::MAX));
        self.last + Duration::from_secs(wait).min(WAIT_MAX)
    }
}

impl Guesses {
    /// Counts an attempt, or says how long to wait for the next.
    pub(crate) fn begin(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let address = network_of(address);
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !tried.contains_key(&address) && tried.len() >= ADDRESSES_MAX {
            tried.retain(|_, it| now.saturating_duration_since(it.last) < REMEMBERED);
            let oldest = tried.iter().min_by_key(|(_, it)| it.last).map(|(address, _)| *address);
            if let Some(oldest) = oldest.filter(|_| tried.len() >= ADDRESSES_MAX) {
                tried.remove(&oldest);
            }
        }
        let own = tried.entry(address).or_insert(Tried { attempts: 0, last: now });
        if now.saturating_duration_since(own.last) >= REMEMBERED {
            own.attempts = 0;
        }
        let left = own.next().saturating_duration_since(now);
        if !left.is_zero() {
            return Err(left);
        }
        *own = Tried { attempts: own.attempts.saturating_add(1), last: now };
        Ok(())
    }

    /// Forgets an address that was right.
    pub(crate) fn right(&self, address: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&network_of(address));
    }
}

/// Whoever has one IPv6 address has the 2^64 around it.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        own @ IpAddr::V4(_) => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_wrong_often_waits_longer_and_longer() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        let (one, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let seconds = Duration::from_secs;
        for _ in 0..FREE {
            assert_eq!(guesses.begin(one, start), Ok(()));
        }
        assert_eq!(guesses.begin(one, start), Err(seconds(1)));
        assert_eq!(guesses.begin(other, start), Ok(()));
        assert_eq!(guesses.begin(one, start + seconds(1)), Ok(()));
        assert_eq!(guesses.begin(one, start + seconds(1)), Err(seconds(2)));
        let mut now = start;
        for _ in 0..20 {
            now += WAIT_MAX;
            assert_eq!(guesses.begin(one, now), Ok(()));
        }
        assert_eq!(guesses.begin(one, now), Err(WAIT_MAX));
        guesses.right(one);
        assert_eq!(guesses.begin(one, now), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_guesser_and_all_of_them_are_bounded() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for host in 0..FREE {
            let address = format!("2001:db8::{host}").parse().unwrap();
            assert_eq!(guesses.begin(address, now), Ok(()));
        }
        assert!(guesses.begin("2001:db8::ffff".parse().unwrap(), now).is_err());
        for host in 0..5_000_u32 {
            guesses.begin(IpAddr::V4(host.into()), now).unwrap();
        }
        assert_eq!(guesses.0.lock().unwrap().len(), ADDRESSES_MAX);
    }
}
