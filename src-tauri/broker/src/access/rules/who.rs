use std::sync::Arc;

use crate::ClientIdentifier;

/// Whom rules are about: a session's client, and the account that it was let in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) client: ClientIdentifier,
    /// A name that was checked; `None` also where one was given that nobody asked for.
    pub(crate) user: Option<Arc<str>>,
}

impl Who {
    pub(crate) const fn new(client: ClientIdentifier, user: Option<Arc<str>>) -> Self {
        Self { client, user }
    }
}
