use serde::Serialize;
use ts_rs::TS;

/// What may keep devices away from the listeners, as far as that can be seen without being an administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
pub struct FirewallHint {
    /// What is known, as a sentence: "The firewall ufw is switched on."
    pub known: String,
    /// What lets devices through, as a sentence that ends before the commands: "Let devices through:".
    pub cure: String,
    /// To copy into a terminal, one a line; none where the way leads through the system's settings.
    pub commands: Vec<String>,
}
