use tracing::subscriber::with_default;

use super::*;

fn page(logging: &Logging, first: usize, count: usize) -> LogPage {
    logging.page(LogSearch::default(), |_| true, first, count)
}

fn logging(level: LogLevel, wanted: Option<&str>) -> (Logging, impl Subscriber + Send + Sync) {
    Logging::build(level, wanted, ToStderr::Nothing)
}

fn messages(logging: &Logging, level: Option<LogLevel>, text: &str) -> Vec<String> {
    let search = LogSearch { level, up_to: None };
    let page = logging.page(search, |record| record.any(|part| part.contains(text)), 0, 100);
    page.records.iter().map(|record| record.message.to_string()).collect()
}

#[test]
fn a_record_has_its_level_its_fields_and_the_client_of_its_span() {
    let (logging, subscriber) = logging(LogLevel::Info, None);
    with_default(subscriber, || {
        let span = tracing::info_span!("client", id = "plc");
        span.in_scope(|| tracing::warn!(error = %"no route", code = 5, "a {} failed", "write"));
        tracing::info!(client = "meter", "connected");
    });
    let page = page(&logging, 0, 10);
    assert_eq!((page.total, page.newest, page.forgotten), (2, 2, 0));
    let [newest, oldest] = &page.records[..] else { panic!("{page:?}") };
    assert_eq!((newest.id, &*newest.message, newest.client.as_deref()), (2, "connected", Some("meter")));
    assert_eq!(
        (oldest.level, &*oldest.message, oldest.client.as_deref()),
        (LogLevel::Warn, "a write failed", Some("plc"))
    );
    let fields: Vec<_> = oldest.fields.iter().map(|field| (&*field.name, &*field.value)).collect();
    assert_eq!(fields, [("error", "no route"), ("code", "5")]);
    assert_eq!(&*oldest.target, module_path!());
    let line = oldest.line();
    assert!(
        line.contains("  WARN ") && line.ends_with(": a write failed client=plc error=\"no route\" code=5"),
        "{line}"
    );
}

#[test]
fn the_level_is_changed_while_it_runs_and_others_are_heard_from_a_warning_on() {
    let (logging, subscriber) = logging(LogLevel::Warn, None);
    with_default(subscriber, || {
        for level in [LogLevel::Warn, LogLevel::Debug, LogLevel::Error, LogLevel::Info] {
            logging.set_level(level);
            assert_eq!(logging.level(), level);
            tracing::error!("error at {}", level.name());
            tracing::info!("info at {}", level.name());
            tracing::debug!("debug at {}", level.name());
            tracing::info!(target: "rustls", "foreign info at {}", level.name());
            tracing::warn!(target: "rustls", "foreign warning at {}", level.name());
        }
    });
    let mut said = messages(&logging, None, "");
    said.reverse();
    assert_eq!(
        said,
        [
            "error at warn",
            "foreign warning at warn",
            "error at debug",
            "info at debug",
            "debug at debug",
            "foreign warning at debug",
            "error at error",
            "error at info",
            "info at info",
            "foreign warning at info",
        ]
    );
}

#[test]
fn the_variable_goes_before_the_settings() {
    let (logging, _) = logging(LogLevel::Info, Some("warn,nightjar_store=trace"));
    assert_eq!(logging.level(), LogLevel::Trace);
    let (logging, _) = self::logging(LogLevel::Info, Some("=?="));
    assert_eq!(logging.level(), LogLevel::Info, "nonsense is as good as nothing");
}

#[test]
fn a_search_finds_by_level_and_text_and_can_stand_still() {
    let (logging, subscriber) = logging(LogLevel::Trace, None);
    with_default(subscriber, || {
        tracing::error!(client = "Küche", "one");
        tracing::info!(error = "timed out", "two");
        tracing::debug!("three");
    });
    assert_eq!(messages(&logging, Some(LogLevel::Info), ""), ["two", "one"]);
    assert_eq!(messages(&logging, None, "Küche"), ["one"], "the client");
    assert_eq!(messages(&logging, None, "timed"), ["two"], "a value");
    assert_eq!(messages(&logging, None, "logging::tests").len(), 3, "the module");
    assert!(messages(&logging, None, "four").is_empty());
    let held = logging.page(LogSearch { level: Some(LogLevel::Info), up_to: Some(1) }, |_| true, 0, 10);
    assert_eq!((held.total, held.newer, held.newest), (1, 1, 3));
    let second = page(&logging, 1, 1);
    assert_eq!((second.total, &*second.records[0].message), (3, "two"), "a page of it");
}

#[test]
fn what_clients_provoke_is_bounded() {
    let (logging, subscriber) = logging(LogLevel::Info, None);
    let huge = "x".repeat(100_000);
    with_default(subscriber, || {
        for _ in 0..3_000 {
            tracing::info!(client = &*huge, error = %huge, "{huge}");
        }
    });
    let kept = page(&logging, 0, 10_000);
    let bytes: usize = kept.records.iter().map(|record| record.size()).sum();
    assert!(bytes <= 8 << 20, "{bytes} bytes");
    assert_eq!(kept.forgotten + kept.total as u64, 3_000, "what was given up is counted");
    assert!(kept.records[0].message.ends_with('…') && kept.records[0].message.len() < 5_000);
    let (many, subscriber) = self::logging(LogLevel::Info, None);
    with_default(subscriber, || (0..12_000).for_each(|number| tracing::info!("{number}")));
    assert_eq!(page(&many, 0, 1).total, 10_000);
}

#[test]
fn a_line_stays_a_line() {
    let (logging, subscriber) = logging(LogLevel::Info, None);
    with_default(subscriber, || tracing::info!(client = "a\"b\n1970 ERROR", empty = "", "x\r\n\u{1b}[31my"));
    let line = page(&logging, 0, 1).records[0].line();
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(line.ends_with(r#"x\r\n\u{1b}[31my client="a\"b\n1970 ERROR" empty="""#), "{line}");
}

#[test]
fn the_file_begins_with_what_was_said_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let (logging, subscriber) = logging(LogLevel::Info, None);
    with_default(subscriber, || {
        tracing::info!("before");
        logging.open_file(directory.path(), &LogSettings::default());
        tracing::info!("after");
        logging.close_file();
        tracing::info!("too late");
    });
    let text = std::fs::read_to_string(directory.path().join(FILE)).unwrap();
    let said: Vec<_> = text.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(said, ["before", "after"]);
    assert_eq!(logging.file(), None);
}
