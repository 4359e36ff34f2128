//! The cases, by chapter.

pub(crate) mod acknowledgements;
pub(crate) mod framing;
pub(crate) mod ping;
pub(crate) mod strings;
pub(crate) mod subscribe;
pub(crate) mod unsubscribe;

use crate::case::Case;

pub(crate) fn all() -> Vec<Case> {
    [framing::CASES, strings::CASES, acknowledgements::CASES, subscribe::CASES, unsubscribe::CASES, ping::CASES]
        .concat()
}
