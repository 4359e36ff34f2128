//! Rules: who may publish to which topics, and read which.
//!
//! **The rules are read from top to bottom, and the first one that matches decides; where none does, the last line does:
//! *otherwise* everything is allowed, or nothing is.** Without any rule, who is let in may do everything.
//!
//! Why in order, and not "denials win" or "the closest filter wins": the answer to "why?" is then always one rule, and
//! whoever reads the list can find it with a finger. An exception is written above what it is an exception of. It is also
//! what firewalls do, and what a file of mosquitto becomes without loss: it asks a user's denials first, then what the
//! user may, then the patterns in the same way, and denies the rest.
//!
//! - A rule is for everybody, for those without an account, or for one account. A user name that nobody checked is none.
//! - Its filter is a Topic Filter: `#` at its beginning means no topic that begins with `$` (4.7.2), so that *otherwise* is
//!   what decides about these. Nobody may publish below `$SYS`, whatever a rule says.
//! - `%u` and `%c` in it stand for the user name and the client identifier. An allowing rule does not match who has none, or
//!   one with `/`, `+` or `#` in it or `$` at its beginning, which would let them into places of others; a denying rule takes
//!   it as it is written.
//! - A subscription is granted unless nothing of it may be read: `#` is granted to who may read `a/b`, and brings `a/b`. A
//!   Shared Subscription is judged by the filter behind the share's name.
//! - What a client may read is asked when a message is routed, and again when it is sent, for it may have waited meanwhile.
//!   A change is in force at once, on everybody who is connected, and ends no connection and no subscription.
//! - Not asked is the owner of the broker: what the window publishes, other than with its Publish screen, which is a client.

mod decision;
mod denials;
mod engine;
mod pattern;
mod preview;
mod rule;
mod verdicts;
mod who;

#[cfg(test)]
mod tests;

pub use decision::{Decided, Explanation, Question};
pub use denials::Denial;
pub use preview::RulePreview;
pub use rule::{
    Effect, InvalidRuleFilter, Operation, Operations, Rule, RuleFilter, RuleNumber, RuleSet, RuleSetError, RuleSubject,
};

pub(crate) use decision::Decider;
pub(crate) use denials::{Denials, Denied, Report};
pub(crate) use engine::RuleEngine;
pub(crate) use verdicts::Verdicts;
pub(crate) use who::Who;
