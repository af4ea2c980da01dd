//! Codecs: round trips, limits and refusals.
