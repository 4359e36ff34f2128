//! Writes the lists of a segment.

use rusqlite::{CachedStatement, Connection, OptionalExtension, TransactionBehavior, params};

use super::list::{decode, encode};
use super::{Entry, Owner, SEGMENT, Tail};

/// Moves the oldest full segment of the tail to the tables, in a transaction of its own.
pub(crate) fn seal(connection: &mut Connection, tail: &Tail) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tail.with_first(|segment, entries| write(&transaction, segment, entries))?;
    transaction.commit()?;
    // Readers find the messages in the tables first, and then no longer here.
    tail.drop_first();
    Ok(())
}

/// Takes ids, which must ascend, out of an owner's list of a segment.
pub(crate) fn remove_from_list(
    transaction: &Connection,
    segment: i64,
    owner: Owner,
    ids: &[i64],
) -> rusqlite::Result<()> {
    let (table, column, owner) = match owner {
        Owner::Topic(topic) => ("topic_posting", "topic_id", topic),
        Owner::Client(client) => ("client_posting", "client_id", client),
    };
    let list: Option<Vec<u8>> = transaction
        .prepare_cached(&format!("SELECT ids FROM {table} WHERE segment = ?1 AND {column} = ?2"))?
        .query_row((segment, owner), |row| row.get(0))
        .optional()?;
    let Some(list) = list else { return Ok(()) };
    let left: Vec<u32> = decode(&list)
        .filter(|offset| ids.binary_search(&(segment * SEGMENT + offset)).is_err())
        .filter_map(|offset| u32::try_from(offset).ok())
        .collect();
    if left.is_empty() {
        transaction
            .prepare_cached(&format!("DELETE FROM {table} WHERE segment = ?1 AND {column} = ?2"))?
            .execute((segment, owner))?;
    } else {
        let mut ids = Vec::with_capacity(list.len());
        encode(left.iter().copied(), &mut ids);
        transaction
            .prepare_cached(&format!(
                "UPDATE {table} SET messages = ?3, ids = ?4 WHERE segment = ?1 AND {column} = ?2"
            ))?
            .execute(params![segment, owner, left.len(), ids])?;
    }
    Ok(())
}

fn write(transaction: &Connection, segment: i64, entries: &[Entry]) -> rusqlite::Result<()> {
    let mut order = Vec::with_capacity(entries.len());
    let mut list = Vec::new();
    let topics = write_lists(
        &mut transaction
            .prepare_cached("INSERT INTO topic_posting (segment, topic_id, messages, ids) VALUES (?1, ?2, ?3, ?4)")?,
        segment,
        entries.iter().map(|entry| entry.topic),
        &mut order,
        &mut list,
    )?;
    let messages = order.len();
    let clients = write_lists(
        &mut transaction
            .prepare_cached("INSERT INTO client_posting (segment, client_id, messages, ids) VALUES (?1, ?2, ?3, ?4)")?,
        segment,
        entries.iter().map(|entry| entry.client),
        &mut order,
        &mut list,
    )?;
    transaction
        .prepare_cached("INSERT INTO segment (number, messages, topics, clients) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![segment, messages, topics, clients])?;
    Ok(())
}

/// Appends a list for each owner, in their order. Returns how many there are.
fn write_lists(
    insert: &mut CachedStatement<'_>,
    segment: i64,
    owners: impl Iterator<Item = i64>,
    order: &mut Vec<u64>,
    list: &mut Vec<u8>,
) -> rusqlite::Result<usize> {
    const BITS: u32 = SEGMENT.trailing_zeros();
    const OFFSET: u64 = SEGMENT as u64 - 1;
    order.clear();
    // Owner and offset in one number sort several times faster than a pair of them.
    order.extend((0_u64..).zip(owners).filter(|&(_, owner)| owner > 0).map(|(at, owner)| (owner as u64) << BITS | at));
    order.sort_unstable();
    let mut owners = 0;
    for of_one in order.chunk_by(|one, other| one >> BITS == other >> BITS) {
        list.clear();
        encode(of_one.iter().map(|at| (at & OFFSET) as u32), list);
        insert.execute(params![segment, (of_one[0] >> BITS) as i64, of_one.len(), &list[..]])?;
        owners += 1;
    }
    Ok(owners)
}
