//! Produced batches: kept, changed, refused.
