//! What a produced batch must be, before it goes to the log.
//!
//! Kafka: `LogValidator`.

use bytes::Bytes;
use ottla_record::{BatchHeader, Compression, Scratch, Validated, validate_produced};
use ottla_types::{ErrorCode, Offset};

use super::Refused;
use crate::settings::TopicSettings;

thread_local! {
    /// Room to decompress batches into while they are checked, kept per thread.
    static SCRATCH: std::cell::RefCell<Scratch> = std::cell::RefCell::new(Scratch::new());
}

/// The batch as its topic asks for it, or why it is refused.
pub(super) fn check(
    settings: &TopicSettings,
    batch: Bytes,
    allows_zstd: bool,
    now_ms: i64,
) -> Result<Validated, Refused> {
    let header = BatchHeader::parse(&batch)
        .map_err(|error| Refused::new(error.code(), error.to_string()))?;
    let is_zstd = header.attributes.compression() == Ok(Compression::Zstd);
    if is_zstd && !allows_zstd {
        let text = "Produce requests below version 7 may not use zstd";
        return Err(Refused::new(ErrorCode::UnsupportedCompressionType, text.to_owned()));
    }
    let rules = settings.produce_rules(now_ms);
    SCRATCH.with_borrow_mut(|scratch| validate_produced(batch, &rules, scratch)).map_err(
        |invalid| Refused {
            code: invalid.code,
            text: Some(invalid.text),
            record_errors: invalid.record_errors,
            log_start_offset: Offset::NONE,
        },
    )
}
