//! Reads a text of settings table by table, and gathers everything that is wrong with it: each fault with its place in the
//! text, what is wrong, and the cure behind the last colon.

use std::cell::RefCell;
use std::ops::Range;

use toml::Value;
use toml::de::{DeTable, DeValue};

/// A place of the text, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) span: Range<usize>,
    pub(crate) problem: String,
}

/// What a section says of a name in it that means nothing.
type Unknown = fn(name: &str, known: &[&'static str]) -> String;

/// A table of the text. What is asked for and is there is taken as known; [`Self::finish`] finds the rest.
pub(crate) struct Section<'t> {
    text: &'t str,
    faults: &'t RefCell<Vec<Fault>>,
    /// As the file writes it, such as `history`; nothing at the top.
    path: String,
    /// Where it begins.
    span: Range<usize>,
    table: Option<&'t DeTable<'t>>,
    known: Vec<&'static str>,
}

/// Reads a text: all of it, or everything that is wrong with it, in order. Where lines can't be read at all, only these
/// are said: what they do to the others is hard to tell.
pub(crate) fn read_text<T>(text: &str, read: impl FnOnce(&mut Section<'_>) -> T) -> Result<T, Vec<Fault>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let mut faults: Vec<_> = errors.iter().map(unreadable).collect();
        faults.sort_by_key(|fault| fault.span.start);
        // One line may be wrong in more than one way, and its cure is the same.
        faults.dedup_by_key(|fault| line_of(text, fault.span.start));
        return Err(faults);
    }
    let faults = RefCell::default();
    let mut top = Section {
        text,
        faults: &faults,
        path: String::new(),
        span: 0..0,
        table: Some(table.get_ref()),
        known: Vec::new(),
    };
    let read = read(&mut top);
    top.finish();
    let mut faults = faults.into_inner();
    faults.sort_by_key(|fault| fault.span.start);
    if faults.is_empty() { Ok(read) } else { Err(faults) }
}

/// The line of a place, 1 first.
pub(crate) fn line_of(text: &str, place: usize) -> usize {
    text.as_bytes()[..place.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

fn unreadable(error: &toml::de::Error) -> Fault {
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    let problem = format!("the line can't be read ({message}): correct it, or put # before it");
    Fault { span: error.span().unwrap_or(0..0), problem }
}

impl<'t> Section<'t> {
    /// A value, as it is read; what `read` makes nothing of is a fault with that cure.
    pub(crate) fn value<T>(
        &mut self,
        name: &'static str,
        cure: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        self.checked(name, |value, written| read(value).ok_or_else(|| format!("{name} can't be {written}: {cure}")))
    }

    /// The same, where `read` says what is wrong; it gets the value as the text has it, too.
    pub(crate) fn checked<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value, &str) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(name);
        let found = self.table?.get(name)?;
        let written = self.written(&found.span());
        match read(&plain(found.get_ref()), &written) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.fault_at(found.span(), problem);
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let cure = format!("write {}", quoted_choice(words.iter().map(|(word, _)| *word)));
        self.value(name, &cure, |value| {
            words.iter().find(|(word, _)| value.as_str() == Some(word)).map(|(_, meaning)| *meaning)
        })
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.value(name, "write true or false", Value::as_bool)
    }

    /// A list in which `read` makes something of each text.
    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        cure: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.value(name, cure, |value| value.as_array()?.iter().map(|item| read(item.as_str()?)).collect())
    }

    /// A table in this one; an empty one where it is missing.
    pub(crate) fn section(&mut self, name: &'static str) -> Self {
        self.known.push(name);
        let found = self.table.and_then(|table| table.get(name));
        let table = found.and_then(|found| found.get_ref().as_table());
        if let Some(found) = found
            && table.is_none()
        {
            self.misplaced(name, &found.span(), &format!("[{}]", self.path_of(name)));
        }
        self.inner(name, found.map_or(0..0, toml::Spanned::span), table)
    }

    /// The tables of a list of them.
    pub(crate) fn sections(&mut self, name: &'static str) -> Vec<Self> {
        self.known.push(name);
        let Some(found) = self.table.and_then(|table| table.get(name)) else { return Vec::new() };
        let form = format!("[[{}]]", self.path_of(name));
        let Some(items) = found.get_ref().as_array() else {
            self.misplaced(name, &found.span(), &form);
            return Vec::new();
        };
        let items = items.iter().filter_map(|item| {
            let table = item.get_ref().as_table();
            if table.is_none() {
                self.misplaced(name, &item.span(), &form);
            }
            Some(self.inner(name, item.span(), Some(table?)))
        });
        items.collect()
    }

    fn inner(&self, name: &str, span: Range<usize>, table: Option<&'t DeTable<'t>>) -> Self {
        let Self { text, faults, .. } = *self;
        Self { text, faults, path: self.path_of(name), span, table, known: Vec::new() }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Whether the text has a value of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(name))
    }

    /// Notes what is wrong with a value, or where it is missing, with the table.
    pub(crate) fn fault(&self, name: &str, problem: String) {
        let found = self.table.and_then(|table| table.get(name));
        self.fault_at(found.map_or_else(|| self.span.clone(), toml::Spanned::span), problem);
    }

    fn fault_at(&self, span: Range<usize>, problem: String) {
        self.faults.borrow_mut().push(Fault { span, problem });
    }

    fn misplaced(&self, name: &str, span: &Range<usize>, form: &str) {
        let written = self.written(span);
        let problem = format!("{name} can't be {written}: write it as {form}, with its settings in the lines below");
        self.fault_at(span.clone(), problem);
    }

    /// Finds the names in the table that nobody asked for.
    pub(crate) fn finish(self) {
        self.finish_with(|name, known| format!("there is no setting {name} here: write {}", choice(known.iter())));
    }

    /// The same, said in another way.
    pub(crate) fn finish_with(self, unknown: Unknown) {
        let Some(table) = self.table else { return };
        for key in table.keys() {
            if !self.known.contains(&&**key.get_ref()) {
                self.fault_at(key.span(), unknown(key.get_ref(), &self.known));
            }
        }
    }

    /// A value as the text has it, or what fits a sentence.
    fn written(&self, span: &Range<usize>) -> String {
        const LONGEST: usize = 80;
        let written = self.text.get(span.clone()).unwrap_or_default();
        let first = written.lines().next().unwrap_or_default();
        let cut = first.floor_char_boundary(LONGEST);
        if cut < written.len() { format!("{} …", &first[..cut]) } else { written.to_owned() }
    }
}

/// The value without its places.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        // TOML has no larger integers; one that is too large is none that a setting takes.
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or_else(|_| Value::String(String::new()), Value::Integer),
        DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Table(table) => Value::Table(
            table.iter().map(|(name, value)| (name.get_ref().to_string(), plain(value.get_ref()))).collect(),
        ),
    }
}

/// `a, b or c`.
fn choice(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<_> = names.collect();
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// `"a", "b" or "c"`.
pub(crate) fn quoted_choice<'a>(words: impl Iterator<Item = &'a str>) -> String {
    choice(words.map(|word| format!("\"{word}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_in_order() {
        let text = "b = 5\nc = 9\n[inner]\nd = \"x\"\n[[many]]\ne = 1\n[[many]]\ne = true\n";
        let read = |top: &mut Section<'_>| {
            let b = top.value("b", "write a whole number from 0 to 3", |value| value.as_integer().filter(|b| *b < 4));
            let mut inner = top.section("inner");
            let d = inner.word("d", &[("y", 1), ("z", 2)]);
            inner.finish();
            let many = top.sections("many").into_iter().map(|mut one| one.flag("e")).collect::<Vec<_>>();
            (b, d, many)
        };
        let faults = read_text(text, read).unwrap_err();
        let said: Vec<_> = faults.iter().map(|fault| (line_of(text, fault.span.start), &*fault.problem)).collect();
        assert_eq!(
            said,
            [
                (1, "b can't be 5: write a whole number from 0 to 3"),
                (2, "there is no setting c here: write b, inner or many"),
                (4, "d can't be \"x\": write \"y\" or \"z\""),
                (6, "e can't be 1: write true or false"),
            ]
        );
        let good = "b = 3\n[inner]\nd = \"z\"\n[[many]]\ne = true\n";
        assert_eq!(read_text(good, read), Ok((Some(3), Some(2), vec![Some(true)])));
    }

    #[test]
    fn lines_that_cannot_be_read_are_all_said_and_nothing_else() {
        let text = "a = \nb = 1\nc == 2\nd = 'x\n";
        let faults = read_text(text, |_| ()).unwrap_err();
        let lines: Vec<_> = faults.iter().map(|fault| line_of(text, fault.span.start)).collect();
        assert_eq!(lines, [1, 3, 4], "{faults:?}");
        assert!(faults.iter().all(|fault| fault.problem.contains("can't be read")));
    }

    #[test]
    fn what_is_in_the_wrong_place_is_told_where_it_belongs() {
        for (text, form) in [("inner = 5", "[inner]"), ("[[inner]]", "[inner]")] {
            let faults = read_text(text, |top| drop(top.section("inner"))).unwrap_err();
            assert!(faults[0].problem.contains(&format!("write it as {form}, ")), "{faults:?}");
        }
        for text in ["many = 5", "[many]", "many = [1]"] {
            let faults = read_text(text, |top| drop(top.sections("many"))).unwrap_err();
            assert!(faults[0].problem.contains("write it as [[many]], "), "{faults:?}");
        }
    }
}
