use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The name that a client's session goes by (3.1.3.1 Client Identifier). Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientIdentifier(Arc<str>);

impl ClientIdentifier {
    /// Any text is a Client Identifier; whether the broker accepts it is decided at CONNECT.
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

impl Deref for ClientIdentifier {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ClientIdentifier {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ClientIdentifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, formatter)
    }
}
