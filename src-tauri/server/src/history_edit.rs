//! Writes keeping rules into `nightjar.toml`: only what changed, each rule's comments with it.

use nightjar_store::{Bounds, Keep, Keeping, KeepingRule};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use crate::history_settings::{FOR_EVER, NOTHING, UNLIMITED};
use crate::quantity::Kind;
use crate::settings_file::{set, table};

/// Makes the document say `wanted`, where it says `before`.
pub(crate) fn write(document: &mut DocumentMut, before: &Keeping, wanted: &Keeping) {
    if before == wanted {
        return;
    }
    let history = table(document, "history");
    write_keep(history, before.otherwise, wanted.otherwise, true);
    if before.file != wanted.file {
        set(history, "file", size(wanted.file));
    }
    if before.events.age != wanted.events.age {
        set(history, "events", age(wanted.events));
    }
    if before.rules != wanted.rules {
        let is_header = document["history"].as_table().is_some_and(|table| !table.is_dotted());
        write_rules(table(document, "history"), is_header, &before.rules, &wanted.rules);
    }
}

/// Writes what is kept, of a rule or of what no rule is for; there, what is not said is as it is by default.
fn write_keep(table: &mut dyn TableLike, before: Keep, wanted: Keep, otherwise: bool) {
    if before == wanted {
        return;
    }
    let Keep::Within(bounds) = wanted else {
        set(table, "keep", NOTHING);
        table.remove("messages");
        table.remove("bytes");
        return;
    };
    let old = match before {
        Keep::Within(bounds) => Some(bounds),
        Keep::Nothing => None,
    };
    let has_other_bound = bounds.messages.is_some() || bounds.bytes.is_some();
    if bounds.age.is_none() && has_other_bound && !otherwise {
        table.remove("keep");
    } else if old.is_none_or(|old| old.age != bounds.age) || !table.contains_key("keep") && bounds.age.is_none() {
        set(table, "keep", age(bounds));
    }
    if old.is_none_or(|old| old.messages != bounds.messages) {
        match bounds.messages {
            Some(messages) => set(table, "messages", i64::try_from(messages).unwrap_or(i64::MAX)),
            None => drop(table.remove("messages")),
        }
    }
    if old.is_none_or(|old| old.bytes != bounds.bytes) {
        match bounds.bytes {
            Some(_) => set(table, "bytes", size(bounds.bytes)),
            None => drop(table.remove("bytes")),
        }
    }
}

fn age(bounds: Bounds) -> String {
    let millis = |age: std::time::Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    bounds.age.map_or_else(|| FOR_EVER.to_owned(), |age| Kind::Time.write(millis(age)))
}

fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| UNLIMITED.to_owned(), |bytes| Kind::Size.write(bytes))
}

fn write_rules(history: &mut dyn TableLike, is_header: bool, before: &[KeepingRule], wanted: &[KeepingRule]) {
    if wanted.is_empty() {
        history.remove("rules");
        return;
    }
    let sources = sources(before, wanted);
    if !history.contains_key("rules") {
        let none = if is_header { Item::ArrayOfTables(ArrayOfTables::new()) } else { Item::Value(Array::new().into()) };
        history.insert("rules", none);
    }
    match history.get_mut("rules") {
        Some(Item::ArrayOfTables(tables)) => {
            let old: Vec<Table> = tables.iter().cloned().collect();
            // They stand where the first of them stood, in their order.
            let place = old.iter().filter_map(Table::position).min();
            tables.clear();
            for (rule, source) in wanted.iter().zip(sources) {
                let mut table = source.map_or_else(Table::new, |index| old[index].clone());
                write_rule(&mut table, source.map(|index| &before[index]), rule);
                table.set_position(place);
                tables.push(table);
            }
        }
        Some(Item::Value(Value::Array(array))) => {
            let old: Vec<Value> = array.iter().cloned().collect();
            array.clear();
            for (rule, source) in wanted.iter().zip(sources) {
                let kept = source.map(|index| &old[index]);
                let mut table = kept.and_then(Value::as_inline_table).cloned().unwrap_or_else(InlineTable::new);
                write_rule(&mut table, source.map(|index| &before[index]), rule);
                let mut value = Value::InlineTable(table);
                match (kept, old.last()) {
                    (Some(kept), _) => *value.decor_mut() = kept.decor().clone(),
                    // On a line of its own, as the others are.
                    (None, Some(last)) => {
                        let prefix = last.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
                        value.decor_mut().set_prefix(prefix.rfind('\n').map_or(" ", |newline| &prefix[newline..]));
                    }
                    (None, None) => {}
                }
                array.push_formatted(value);
            }
        }
        _ => {}
    }
}

fn write_rule(table: &mut dyn TableLike, before: Option<&KeepingRule>, wanted: &KeepingRule) {
    if before.is_none_or(|before| before.filter != wanted.filter) {
        set(table, "filter", wanted.filter.to_string());
    }
    match before {
        Some(before) => write_keep(table, before.keep, wanted.keep, false),
        // Different from any, so that all is written.
        None if wanted.keep == Keep::Nothing => set(table, "keep", NOTHING),
        None => write_keep(table, Keep::Nothing, wanted.keep, false),
    }
}

/// For each rule, the one that it was: of the same filter, or else in the same place, its filter changed.
fn sources(before: &[KeepingRule], wanted: &[KeepingRule]) -> Vec<Option<usize>> {
    let mut used = vec![false; before.len()];
    let mut sources: Vec<Option<usize>> = wanted
        .iter()
        .map(|rule| {
            let index = (0..before.len()).find(|&index| !used[index] && before[index].filter == rule.filter)?;
            used[index] = true;
            Some(index)
        })
        .collect();
    for (index, source) in sources.iter_mut().enumerate() {
        if source.is_none() && used.get(index) == Some(&false) {
            used[index] = true;
            *source = Some(index);
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nightjar_mqtt::TopicFilter;

    use super::*;
    use crate::{Settings, SettingsError, SettingsFile};

    const DAY: Duration = Duration::from_secs(86_400);
    const WRITTEN: &str = "\
port = 1884

[history]
# a month
keep = \"30 d\"      # or for ever
file = \"10 GB\"

# the lamps
[[history.rules]]
filter = \"lamp/#\"
keep = \"168 h\"     # a week

# the meters
[[history.rules]]
filter = \"meter/+\"
messages = 1000    # of each

[window]
theme = \"dark\"
";

    fn rule(filter: &str, keep: Keep) -> KeepingRule {
        KeepingRule { filter: TopicFilter::new(filter.to_owned()).unwrap(), keep }
    }

    fn within(age: Option<Duration>, messages: Option<u64>, bytes: Option<u64>) -> Keep {
        Keep::Within(Bounds { age, messages, bytes })
    }

    fn written(text: &str, keeping: &Keeping) -> Result<String, SettingsError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("nightjar.toml");
        std::fs::write(&file, text).unwrap();
        Settings::remember_keeping(&SettingsFile::of(directory.path()), keeping)?;
        assert_eq!(Settings::load(directory.path())?.history.keeping, *keeping);
        Ok(std::fs::read_to_string(file).unwrap())
    }

    /// The same without a disk.
    fn edited(text: &str, keeping: &Keeping) -> String {
        let mut document: DocumentMut = text.parse().unwrap();
        write(&mut document, &read(text), keeping);
        let edited = document.to_string();
        assert_eq!(read(&edited), *keeping, "{text}{edited}");
        edited
    }

    fn read(text: &str) -> Keeping {
        Settings::parse(text, "nightjar.toml".as_ref()).unwrap().history.keeping
    }

    #[test]
    fn what_does_not_change_is_not_touched() {
        assert_eq!(written(WRITTEN, &read(WRITTEN)).unwrap(), WRITTEN);
        let mut keeping = read(WRITTEN);
        keeping.otherwise = Keep::for_age(7 * DAY);
        keeping.rules[1].keep = within(None, Some(50), None);
        let expected = WRITTEN.replace("\"30 d\"", "\"7 d\"").replace("= 1000", "= 50");
        assert_eq!(written(WRITTEN, &keeping).unwrap(), expected);
    }

    #[test]
    fn rules_move_with_their_comments() {
        let mut keeping = read(WRITTEN);
        keeping.rules.swap(0, 1);
        let (start, rest) = WRITTEN.split_once("\n# the lamps").unwrap();
        let (lamps, rest) = rest.split_once("\n# the meters").unwrap();
        let (meters, end) = rest.split_once("\n[window]").unwrap();
        let expected = format!("{start}\n# the meters{meters}\n# the lamps{lamps}\n[window]{end}");
        assert_eq!(written(WRITTEN, &keeping).unwrap(), expected);

        let camera = "\n[[history.rules]]\nfilter = \"camera/#\"\nkeep = \"nothing\"\n";
        keeping.rules.insert(1, rule("camera/#", Keep::Nothing));
        let expected = format!("{start}\n# the meters{meters}{camera}\n# the lamps{lamps}\n[window]{end}");
        assert_eq!(written(WRITTEN, &keeping).unwrap(), expected);

        keeping.rules.clear();
        assert_eq!(written(WRITTEN, &keeping).unwrap(), format!("{start}\n[window]{end}"));
    }

    #[test]
    fn a_rule_whose_filter_changes_is_still_the_same() {
        let mut keeping = read(WRITTEN);
        keeping.rules[0].filter = TopicFilter::new("light/#".to_owned()).unwrap();
        assert_eq!(written(WRITTEN, &keeping).unwrap(), WRITTEN.replace("lamp/#", "light/#"));
    }

    #[test]
    fn every_change_of_a_rule_is_read_back_from_every_way_to_write_it() {
        let keeps = [
            Keep::Nothing,
            within(None, None, None),
            within(Some(DAY), None, None),
            within(Some(Duration::from_millis(1_500)), Some(7), None),
            within(None, Some(7), None),
            within(None, None, Some(1_500)),
            within(Some(DAY), Some(8), Some(1 << 30)),
        ];
        let inline = "history = { file = \"unlimited\", rules = [{ filter = \"a\", keep = \"1 d\" }] }\n";
        let dotted = "history.keep = \"1 d\"\nhistory.rules = [\n  # one\n  { filter = \"a\", messages = 1 },\n]\n";
        for text in ["", WRITTEN, inline, dotted, "[[history.rules]]\nfilter = \"a\"\nbytes = \"1 MB\"\n"] {
            for keep in keeps {
                for otherwise in keeps {
                    let rules = vec![rule("b/#", otherwise), rule("a", keep), rule("a", otherwise)];
                    for rules in [rules, vec![rule("say \"hi\"", keep)], Vec::new()] {
                        let keeping = Keeping { rules, otherwise, ..Keeping::default() };
                        let first = edited(text, &keeping);
                        let rules = vec![rule("a", otherwise)];
                        edited(&first, &Keeping { rules, otherwise: keep, ..Keeping::default() });
                    }
                }
            }
        }
        assert!(edited(dotted, &Keeping { file: None, ..read(dotted) }).contains("# one\n"));
    }

    #[test]
    fn a_rule_that_is_none_is_refused() {
        for rule in [rule("$share/g/a", Keep::Nothing), rule("a", within(None, Some(0), None))] {
            let keeping = Keeping { rules: vec![rule], ..Keeping::default() };
            assert!(matches!(written(WRITTEN, &keeping), Err(SettingsError::Refused { .. })), "{keeping:?}");
        }
    }
}
