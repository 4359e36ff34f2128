use serde::Serialize;
use ts_rs::TS;

/// Why a command failed, in words for the window's user.
#[derive(Clone, Debug, Serialize, TS)]
#[ts(export)]
pub struct Fault {
    /// What happened: "The message was not published".
    pub what: String,
    /// Why: "The broker closed the connection: Packet too large (0x95)".
    pub why: String,
    /// What the user can do: "Make the payload smaller than 2 MB".
    pub action: String,
}
