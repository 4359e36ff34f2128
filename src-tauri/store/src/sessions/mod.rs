//! Sessions that outlive their connection: what the writer makes of the broker's records of them, what a start gets back,
//! and their queues, page by page.

mod book;
mod page;
mod restore;

pub(crate) use book::SessionBook;
pub(crate) use page::read_page;
pub(crate) use restore::sessions;
