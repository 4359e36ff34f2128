//! How SQLite compiles statements.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// Has each statement of a connection compiled once, whatever is bound to it. SQLite would otherwise look at some values,
/// that of `LIMIT ?` among them, and compile the statement again each time they are bound: that takes longer than to
/// carry it out.
pub(crate) fn compile_once(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    /// How often a statement with a limit is compiled again when it is carried out four times.
    fn compiled_again(connection: &Connection) -> i32 {
        connection.execute_batch("CREATE TABLE number (id INTEGER PRIMARY KEY)").unwrap();
        let mut select = connection.prepare("SELECT id FROM number WHERE id > ?1 ORDER BY id LIMIT ?2").unwrap();
        for limit in 1..=4 {
            assert!(!select.exists((0, limit)).unwrap());
        }
        select.get_status(StatementStatus::RePrepare)
    }

    #[test]
    fn a_statement_is_compiled_once() {
        let connection = Connection::open_in_memory().unwrap();
        compile_once(&connection).unwrap();
        assert_eq!(compiled_again(&connection), 0);
        let otherwise = Connection::open_in_memory().unwrap();
        assert!(compiled_again(&otherwise) > 0, "SQLite no longer does what this is for");
    }
}
