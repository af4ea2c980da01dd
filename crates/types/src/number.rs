//! Numbers that must not be mistaken for each other.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number itself.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }
    };
}

number! {
    /// A record's place in its partition, from 0. Whether a bound is inclusive or exclusive is said
    /// where it is used.
    Offset(i64)
}
number! {
    /// How often a partition's leadership has changed. −1 where none is known.
    LeaderEpoch(i32)
}
number! {
    /// A broker's `node.id`. −1 where there is none.
    BrokerId(i32)
}
number! {
    /// A producer's id, given by InitProducerId. −1 for a producer that is not idempotent.
    ProducerId(i64)
}

impl Offset {
    /// The first offset of a new partition.
    pub const ZERO: Self = Self(0);
    /// "No offset" on the wire.
    pub const NONE: Self = Self(-1);

    /// The offset `count` records later, saturating at the largest offset.
    #[must_use]
    pub const fn plus(self, count: i64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl LeaderEpoch {
    /// "Not known" on the wire.
    pub const NONE: Self = Self(-1);
}

impl BrokerId {
    /// "No broker" on the wire.
    pub const NONE: Self = Self(-1);
}

impl ProducerId {
    /// "Not idempotent" on the wire.
    pub const NONE: Self = Self(-1);

    /// Whether a producer has an id at all.
    pub const fn is_some(self) -> bool {
        self.0 >= 0
    }
}
