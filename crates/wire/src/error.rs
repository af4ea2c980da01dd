//! Why bytes are not a message, and why a message has no bytes in a version.
//!
//! Kafka: `SchemaException`, `UnsupportedVersionException`.

/// Why bytes are not the message they claim to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The buffer ends inside a field.
    #[error("the message ends in the middle of a field")]
    Truncated,
    /// A length or count is larger than the type allows or than the bytes that are left.
    #[error("a length in the message does not fit the message")]
    BadLength,
    /// A variable-length integer takes more bytes than its type has.
    #[error("a variable-length integer is too long")]
    BadVarint,
    /// A string is not UTF-8.
    #[error("a string is not valid UTF-8")]
    BadUtf8,
    /// A field is null in a version in which it must not be.
    #[error("a field is null that must not be")]
    UnexpectedNull,
    /// Tags repeat, descend, or a tagged field is not as long as it says.
    #[error("the tagged fields are malformed")]
    BadTags,
    /// The version is not one of the message's.
    #[error("version {0} is not known")]
    UnsupportedVersion(i16),
}

/// Why a message cannot be written in a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A field is set that the version has no place for and that a reader must not miss.
    #[error("the field {field} cannot be expressed in version {version}")]
    UnsupportedField {
        /// The field's name in Kafka's definition.
        field: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// The version is not one of the message's.
    #[error("version {0} is not known")]
    UnsupportedVersion(i16),
    /// A field is null in a version in which it must not be.
    #[error("a field is null that must not be")]
    UnexpectedNull,
    /// A string is longer than 32767 bytes, or an array or byte field longer than an `INT32` says.
    #[error("a field is too long to be written")]
    TooLong,
}
