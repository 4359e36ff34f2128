//! Sessions that outlive their connection: what the writer makes of the broker's records of them, what a start gets back,
//! their queues, page by page, and how what is let go of leaves them.

mod book;
mod marks;
mod page;
mod restore;
mod sweep;

pub(crate) use book::SessionBook;
pub(crate) use marks::Marks;
pub(crate) use page::{order_at, read_page};
pub(crate) use restore::sessions;
#[cfg(test)]
pub(crate) use sweep::STEP;
