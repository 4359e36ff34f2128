use std::collections::HashMap;

use nightjar_broker::{ClientIdentifier, Event, EventKind, Timestamp};
use rusqlite::{Params, Row};

use crate::{ReadError, Store};

/// An event of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Ascends in the order of the record.
    pub id: u64,
    pub event: Event,
}

const SELECT: &str = "SELECT event.id, time_us, client.name, kind, detail
                      FROM event LEFT JOIN client ON client.id = client_id";

/// `None` for a kind that this version does not know.
fn read(row: &Row<'_>) -> rusqlite::Result<Option<StoredEvent>> {
    let Some(kind) = EventKind::from_name(row.get_ref(3)?.as_str()?) else {
        return Ok(None);
    };
    Ok(Some(StoredEvent {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        event: Event {
            time: Timestamp::from_micros(row.get(1)?),
            client: row.get_ref(2)?.as_str_or_null()?.map(ClientIdentifier::new),
            kind,
            detail: row.get(4)?,
        },
    }))
}

impl Store {
    /// The last events, newest first.
    pub fn events(&self, limit: usize) -> Result<Vec<StoredEvent>, ReadError> {
        self.read_events("ORDER BY event.id DESC LIMIT ?1", [limit])
    }

    /// The last events of a client, newest first.
    pub fn events_of_client(&self, client: &str, limit: usize) -> Result<Vec<StoredEvent>, ReadError> {
        self.read_events(
            "WHERE client_id = (SELECT id FROM client WHERE name = ?1) ORDER BY event.id DESC LIMIT ?2",
            (client, limit),
        )
    }

    fn read_events(&self, rest: &str, params: impl Params) -> Result<Vec<StoredEvent>, ReadError> {
        let reader = self.shared.readers.reader()?;
        let mut select = reader.prepare_cached(&format!("{SELECT} {rest}"))?;
        let events = select.query_map(params, read)?;
        Ok(events.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?)
    }

    /// How many events of each kind there were since then.
    pub fn event_counts(&self, since: Timestamp) -> Result<HashMap<EventKind, u64>, ReadError> {
        let reader = self.shared.readers.reader()?;
        let mut select = reader.prepare_cached("SELECT kind, count(*) FROM event WHERE time_us >= ?1 GROUP BY kind")?;
        let mut counts = HashMap::new();
        let mut rows = select.query([since.micros()])?;
        while let Some(row) = rows.next()? {
            if let Some(kind) = EventKind::from_name(&row.get::<_, String>(0)?) {
                counts.insert(kind, row.get(1)?);
            }
        }
        Ok(counts)
    }
}
