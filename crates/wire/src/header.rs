//! What stands in front of every request and response.
//!
//! Kafka: `RequestHeader`, `ResponseHeader`, `ApiKeys.requestHeaderVersion`.

use crate::{ApiKey, DecodeError, EncodeError, Reader, Str, Writer};

/// What stands in front of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHeader {
    /// The API, possibly one that we do not know.
    pub api_key: i16,
    /// The version of the request, possibly one that we do not know.
    pub api_version: i16,
    /// What the response is to repeat.
    pub correlation_id: i32,
    /// What the client calls itself.
    pub client_id: Option<Str>,
}

impl RequestHeader {
    /// Reads a header in the form that its own key and version call for. Where the key is unknown
    /// that is the old form: the fields that an error response needs are the same in both.
    pub fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let header = Self {
            api_key: reader.get_i16()?,
            api_version: reader.get_i16()?,
            correlation_id: reader.get_i32()?,
            // Never compact: the broker must be able to read it from a newer client.
            client_id: reader.get_nullable_string(false)?,
        };
        if header.is_flexible() {
            reader.skip_tags()?;
        }
        Ok(header)
    }

    /// Writes the header in the form that its key and version call for.
    pub fn encode(&self, writer: &mut Writer) -> Result<(), EncodeError> {
        writer.put_i16(self.api_key);
        writer.put_i16(self.api_version);
        writer.put_i32(self.correlation_id);
        writer.put_nullable_string(false, self.client_id.as_deref())?;
        if self.is_flexible() {
            writer.put_empty_tags();
        }
        Ok(())
    }

    fn is_flexible(&self) -> bool {
        ApiKey::from_i16(self.api_key).is_some_and(|key| key.is_flexible(self.api_version))
    }
}

/// What stands in front of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeader {
    /// The number that the request came with.
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// Reads the header of a response to a request of this API and version.
    pub fn decode(reader: &mut Reader, key: ApiKey, version: i16) -> Result<Self, DecodeError> {
        let correlation_id = reader.get_i32()?;
        if Self::is_flexible(key, version) {
            reader.skip_tags()?;
        }
        Ok(Self { correlation_id })
    }

    /// Writes the header of a response to a request of this API and version.
    pub fn encode(&self, writer: &mut Writer, key: ApiKey, version: i16) {
        writer.put_i32(self.correlation_id);
        if Self::is_flexible(key, version) {
            writer.put_empty_tags();
        }
    }

    /// A client that asks for the versions cannot know yet which form the broker answers in, so
    /// that response always has the old header.
    fn is_flexible(key: ApiKey, version: i16) -> bool {
        key != ApiKey::ApiVersions && key.is_flexible(version)
    }
}
