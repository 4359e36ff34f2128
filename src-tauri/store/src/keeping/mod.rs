//! What is kept for how long: the rules, the thread that finds what they let go of, and the deleting itself, which the
//! writer does in small steps between its batches.

mod cuts;
mod forecast;
mod forget;
mod keeper;
mod orders;
mod rules;

pub use forecast::{Forecast, RuleForecast};
pub use keeper::Pruning;
pub use rules::{Bounds, Keep, Keeping, KeepingRule};

pub(crate) use forget::{forget, forget_events, forget_through};
pub(crate) use keeper::{Keeper, start};
pub(crate) use orders::{Order, Orders};
