//! Kafka's 128-bit ids, written as 22 characters of URL-safe base64.
//!
//! Kafka: `org.apache.kafka.common.Uuid`.

use std::{fmt, str::FromStr};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// An id of a topic, a directory or a cluster.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

/// The text is not 22 characters of URL-safe base64.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an id: 22 characters of URL-safe base64 are expected")]
pub struct ParseUuidError(String);

impl Uuid {
    /// "No id" on the wire.
    pub const ZERO: Self = Self([0; 16]);
    /// The topic id of `__cluster_metadata`.
    pub const METADATA_TOPIC: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    /// A replica's directory before its broker has chosen one.
    pub const UNASSIGNED_DIR: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    /// The directory of a replica that its broker has lost.
    pub const LOST_DIR: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);

    /// A random (version 4) id from 16 random bytes; `None` where its text would start with `-`,
    /// which command lines would take for a flag, or where it is a reserved id.
    pub fn from_random(mut bytes: [u8; 16]) -> Option<Self> {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let id = Self(bytes);
        (!id.to_string().starts_with('-')).then_some(id)
    }

    /// Whether this, as a replica's directory, says that it is not known. Zero stands for that
    /// where a record is older than directories are.
    pub fn is_unknown_dir(self) -> bool {
        self.is_zero() || self == Self::UNASSIGNED_DIR
    }

    /// Whether this is "no id".
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let bits = u128::from_be_bytes(self.0);
        for index in 0..22_u32 {
            let six = match 122_u32.checked_sub(index * 6) {
                Some(shift) => bits >> shift,
                None => bits << 4,
            };
            let index = usize::try_from(six & 0x3f).unwrap_or(0);
            f.write_char(char::from(ALPHABET.get(index).copied().unwrap_or(b'A')))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseUuidError(text.chars().take(64).collect());
        let text_bytes = text.trim_end_matches('=').as_bytes();
        if text_bytes.len() != 22 {
            return Err(error());
        }
        let mut bits = 0_u128;
        for (index, byte) in text_bytes.iter().enumerate() {
            let six = ALPHABET.iter().position(|c| c == byte).ok_or_else(error)?;
            let six = u128::try_from(six).unwrap_or(0);
            bits = if index == 21 { (bits << 2) | (six >> 4) } else { (bits << 6) | six };
        }
        Ok(Self(bits.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kafkas() {
        let text = "4L6g3nShT-eMCtK--X86sw";
        let id: Uuid = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(Uuid::METADATA_TOPIC.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!("AAAAAAAAAAAAAAAAAAAAAQ".parse(), Ok(Uuid::METADATA_TOPIC));
        assert!("short".parse::<Uuid>().is_err());
        assert!("4L6g3nShT-eMCtK--X86s!".parse::<Uuid>().is_err());
    }

    #[test]
    fn random_ids_never_look_like_flags() {
        // The first six bits are the first character, and 62 is `-`.
        assert_eq!(Uuid::from_random([0b1111_1011; 16]), None);
        let id = Uuid::from_random([0x11; 16]).unwrap();
        assert_eq!((id.0[6] >> 4, id.0[8] >> 6), (4, 2), "version and variant");
    }
}
