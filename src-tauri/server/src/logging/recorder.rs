//! From `tracing` to records.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::LogLevel;
use super::file::{LogFile, LogFileState};
use super::recent::{Recent, RecentView};
use super::record::{Gathered, LogRecord};

/// All that is recorded, and where it goes.
#[derive(Debug, Default)]
pub(super) struct Records {
    state: Mutex<State>,
}

/// Under one lock, so that memory and file have the same order.
#[derive(Debug, Default)]
struct State {
    recent: Recent,
    file: Option<LogFile>,
}

impl Records {
    fn take(&self, record: LogRecord) {
        let mut state = self.state.lock();
        let record = state.recent.push(record);
        if let Some(file) = &state.file {
            file.write(record);
        }
    }

    pub(super) fn recent(&self) -> RecentView {
        self.state.lock().recent.view()
    }

    /// Begins a file with what is still in memory.
    pub(super) fn write_to(&self, start: impl FnOnce() -> LogFile) {
        let before = {
            let mut state = self.state.lock();
            let file = start();
            for record in state.recent.view().records {
                file.write(record);
            }
            state.file.replace(file)
        };
        drop(before);
    }

    pub(super) fn file(&self) -> Option<LogFileState> {
        self.state.lock().file.as_ref().map(LogFile::state)
    }

    pub(super) fn close(&self) {
        // Not under the lock: whoever logs meanwhile must not wait for the disk.
        let file = self.state.lock().file.take();
        drop(file);
    }
}

/// The layer of the subscriber that makes records.
#[derive(Debug)]
pub(super) struct Recorder {
    records: Arc<Records>,
}

impl Recorder {
    pub(super) const fn new(records: Arc<Records>) -> Self {
        Self { records }
    }
}

/// The client that a span is about, kept with the span.
struct Client(Box<str>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().name() != "client" {
            return;
        }
        let Some(span) = context.span(id) else { return };
        let mut gathered = Gathered::default();
        attributes.record(&mut gathered);
        if let Some(field) = gathered.fields.into_iter().find(|field| &*field.name == "id") {
            span.extensions_mut().insert(Client(field.value));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut gathered = Gathered::default();
        event.record(&mut gathered);
        let client = gathered.client.or_else(|| {
            let mut spans = context.event_scope(event)?;
            spans.find_map(|span| span.extensions().get::<Client>().map(|Client(name)| name.clone()))
        });
        let metadata = event.metadata();
        self.records.take(LogRecord {
            // The memory counts.
            id: 0,
            time: nightjar_broker::now().wall,
            level: LogLevel::of(*metadata.level()),
            target: gathered.target.unwrap_or_else(|| metadata.target().into()),
            client,
            message: gathered.message.into(),
            fields: gathered.fields.into(),
        });
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Client").field(&self.0).finish()
    }
}
