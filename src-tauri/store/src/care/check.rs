use std::collections::BTreeMap;

use super::{Archive, CareError};
use crate::postings::{Owner, SEGMENT, segments};

/// Findings after which the check goes no further into one thing.
const MOST: usize = 100;

impl Archive {
    /// Looks at every page and every message. Returns what is wrong, in sentences; nothing for a good journal. `go_on` is
    /// told how far the check of the messages is, from 0 to 1, and says whether to go on.
    ///
    /// # Errors
    /// Where the journal can't be read at all, or `go_on` said no.
    pub fn check(&self, mut go_on: impl FnMut(f64) -> bool) -> Result<Vec<String>, CareError> {
        let mut findings = {
            let mut select = self.connection.prepare(&format!("PRAGMA integrity_check({MOST})"))?;
            let verdicts = select.query_map((), |row| row.get::<_, String>(0))?;
            verdicts.collect::<rusqlite::Result<Vec<_>>>()?
        };
        if findings == ["ok"] {
            findings.clear();
        }
        let ids = self.extent.first..=self.extent.last;
        let total = (ids.end() - ids.start() + 1).max(1) as f64;
        for window in segments(&ids) {
            if findings.len() < MOST {
                findings.extend(self.check_segment(&window)?);
            }
            if !go_on((window.end() - ids.start() + 1) as f64 / total) {
                return Err(CareError::Stopped);
            }
        }
        let missing: i64 = self.connection.query_row(
            "SELECT count(*) FROM retained
             WHERE message_id NOT IN (SELECT id FROM held)
                   AND NOT EXISTS (SELECT 1 FROM message WHERE message.id = message_id)",
            (),
            |row| row.get(0),
        )?;
        if missing > 0 {
            findings.push(format!("{missing} retained messages are missing"));
        }
        Ok(findings)
    }

    /// Whether the lists of a segment say what its messages do.
    fn check_segment(&self, ids: &std::ops::RangeInclusive<i64>) -> Result<Option<String>, CareError> {
        let mut topics: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let mut clients: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        {
            let mut select = self
                .connection
                .prepare_cached("SELECT id, topic_id, client_id FROM message WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
            let mut rows = select.query((ids.start(), ids.end()))?;
            while let Some(row) = rows.next()? {
                let (id, topic, client) = row.try_into()?;
                topics.entry(topic).or_default().push(id);
                clients.entry(client).or_default().push(id);
            }
        }
        let of_topics = topics.into_iter().map(|(topic, ids)| (Owner::Topic(topic), ids));
        let of_clients = clients.into_iter().map(|(client, ids)| (Owner::Client(client), ids));
        let mut listed = Vec::new();
        for (owner, expected) in of_topics.chain(of_clients) {
            listed.clear();
            self.postings().collect(owner, ids, &mut listed)?;
            if listed != expected {
                let number = ids.start().div_euclid(SEGMENT);
                return Ok(Some(format!("the lists of segment {number} do not agree with its messages ({owner:?})")));
            }
        }
        Ok(None)
    }
}
