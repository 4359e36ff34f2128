//! The numbers in payloads over time, as the window charts them: made in the background, shown as they grow.

use std::sync::Arc;
use std::time::Duration;

use nightjar_broker::Timestamp;
use nightjar_store::{JsonPath, SeriesHandle, SeriesPoint, SeriesQuery, Store};
use parking_lot::Mutex;

use crate::searches::search_of;
use crate::views::{millis, timestamp};
use crate::wire::{Fault, HistoryPlot, HistoryPlotQuery, PlotPoint};

/// Points that a window can ask for.
const MOST_POINTS: u32 = 2_000;
/// What a plot has to be done before it is answered for the first time.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// The plot that is open: a window has one, and the next one ends it.
#[derive(Debug, Default)]
pub struct Plots {
    open: Mutex<(u64, Option<Arc<SeriesHandle>>)>,
}

impl Plots {
    /// Begins a plot.
    ///
    /// # Errors
    /// Where the path or the query is not valid, or the history can't be read.
    pub fn open(&self, store: &Store, wanted: &HistoryPlotQuery) -> Result<HistoryPlot, Fault> {
        let path: JsonPath = wanted.path.parse().map_err(|error| {
            Fault::new("The path is not valid", error, "Write it as in $.value or $.motors[0].speed")
        })?;
        let query = SeriesQuery {
            search: search_of(&wanted.query)?,
            path,
            from: timestamp(wanted.from),
            // The window's bounds are both included.
            to: Timestamp::from_micros(timestamp(wanted.to).micros().saturating_add(1)),
            points: wanted.points.clamp(1, MOST_POINTS) as usize,
        };
        let handle = store.series(query).map_err(|error| Fault::of_read("The chart was not made", &error))?;
        let handle = Arc::new(handle);
        let plot = {
            let (last, open) = &mut *self.open.lock();
            *last += 1;
            *open = Some(Arc::clone(&handle));
            *last
        };
        handle.wait(FIRST_LOOK);
        view(plot, &handle)
    }

    /// How far a plot is.
    ///
    /// # Errors
    /// Where it is closed, or the history can't be read.
    pub fn look(&self, plot: u64) -> Result<HistoryPlot, Fault> {
        let handle = {
            let (last, open) = &*self.open.lock();
            open.clone().filter(|_| *last == plot)
        };
        let handle =
            handle.ok_or_else(|| Fault::new("The chart is closed", "Another one took its place", "Open it again"))?;
        view(plot, &handle)
    }

    /// Ends a plot.
    pub fn close(&self, plot: u64) {
        let (last, open) = &mut *self.open.lock();
        if *last == plot {
            *open = None;
        }
    }
}

fn view(plot: u64, handle: &SeriesHandle) -> Result<HistoryPlot, Fault> {
    let progress = handle.progress();
    if let Some(why) = progress.failed {
        return Err(Fault::new("The chart was not made", why, "Try again"));
    }
    let points = handle.points().into_iter().map(|SeriesPoint { from, count, min, max, mean, last }| PlotPoint {
        at: millis(from),
        count,
        min,
        max,
        mean,
        last,
    });
    Ok(HistoryPlot {
        plot,
        progress: progress.scanned,
        done: progress.done,
        without_number: progress.without_number,
        points: points.collect(),
    })
}

#[cfg(test)]
mod tests {
    use nightjar_store::{Durability, Options};

    use super::*;
    use crate::wire::HistoryQuery;

    fn query(path: &str) -> HistoryPlotQuery {
        HistoryPlotQuery { query: HistoryQuery::default(), path: path.to_owned(), from: 0.0, to: 1e3, points: 10 }
    }

    #[test]
    fn the_next_plot_ends_the_one_before() {
        let store = Store::open(&Options::new("unused").durability(Durability::None)).unwrap().store;
        let plots = Plots::default();
        let first = plots.open(&store, &query("$.value")).unwrap();
        assert!(plots.look(first.plot).is_ok());
        let second = plots.open(&store, &query("$")).unwrap();
        assert!(plots.look(first.plot).is_err());
        plots.close(first.plot);
        assert!(plots.look(second.plot).is_ok(), "who is late closes nothing else");
        plots.close(second.plot);
        assert!(plots.look(second.plot).is_err());
        store.close().unwrap();
    }

    #[test]
    fn a_path_that_is_none_says_why() {
        let store = Store::open(&Options::new("unused").durability(Durability::None)).unwrap().store;
        let fault = Plots::default().open(&store, &query("value")).unwrap_err();
        assert!(fault.why.contains('$'), "{fault:?}");
        store.close().unwrap();
    }
}
