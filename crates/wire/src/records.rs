//! The records field of Produce and Fetch: opaque bytes, or bytes that are put in later.

use bytes::Bytes;

/// Record batches as they travel. This crate does not look into them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// The batches themselves.
    Bytes(Bytes),
    /// Batches that lie elsewhere, such as in a file. Encoding writes only their length; the caller
    /// puts them in when it sends the response (see [`Deferred`](crate::Deferred)). Decoding never
    /// gives this.
    Deferred {
        /// How many bytes will be put there.
        len: usize,
        /// The caller's own number for them.
        slot: usize,
    },
}

impl Records {
    /// How many bytes the batches have.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Deferred { len, .. } => *len,
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, unless they lie elsewhere.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Deferred { .. } => None,
        }
    }
}

impl Default for Records {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}
