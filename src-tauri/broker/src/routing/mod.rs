//! Who gets what: the trees of subscriptions and of retained messages. Pure: no tokio, no clock, no sharing.

mod retained_cursor;
mod retained_tree;
mod subscription_tree;

pub(crate) use retained_cursor::{RetainedCursor, Walked};
pub(crate) use retained_tree::{Epoch, RetainedTree};
pub(crate) use subscription_tree::SubscriptionTree;
