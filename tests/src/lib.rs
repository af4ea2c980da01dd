//! In-process and real-client tests of Ottla.
