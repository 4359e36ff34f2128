//! Tests of the session with virtual time.
