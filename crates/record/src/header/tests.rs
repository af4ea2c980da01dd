//! Headers: parsed, stamped and checked.
