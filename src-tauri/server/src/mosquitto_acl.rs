//! ACL files of mosquitto. What they say is the same as this list of rules:
//!
//! ```text
//! who has no account     denials, then what they may      lines before the first `user`
//! each user              denials, then what they may      lines after `user NAME`
//! everybody              denials, then what they may      `pattern` lines
//! otherwise              nothing is allowed
//! ```

use std::path::Path;

use nightjar_broker::{AccountName, Effect, Operations, RuleFilter, RuleSet, RuleSetError, RuleSubject};

use crate::foreign_file::{self, ForeignFileError, WrongLine};

/// A rule of the file.
type Line = (RuleSubject, Operations, RuleFilter, Effect);

/// The rules of a file, in the order that they need.
#[derive(Clone, Debug)]
pub struct Acl(Vec<Line>);

impl Acl {
    /// Reads all lines, or says which are wrong.
    pub(crate) fn read(text: &str) -> Result<Self, Vec<WrongLine>> {
        let mut wrong = Vec::new();
        let mut user = RuleSubject::Nameless;
        let mut lines: Vec<Line> = Vec::new();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match read_line(line, &user) {
                Ok(Read::User(subject)) => user = subject,
                Ok(Read::Rule(rule)) => lines.push(rule),
                Err(problem) => wrong.push(WrongLine { number: index + 1, problem }),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        // A stable sort: within a group, a user's lines stay together and in their order.
        lines.sort_by_key(|(subject, _, _, effect)| {
            let group = match subject {
                RuleSubject::Nameless => (0, String::new()),
                RuleSubject::Account(name) => (1, name.to_string()),
                RuleSubject::Everybody => (2, String::new()),
            };
            (group, effect.allows())
        });
        Ok(Self(lines))
    }

    /// Reads a file. Blocks on the disk.
    ///
    /// # Errors
    /// Where it can't be read, or a line is wrong.
    pub fn open(file: &Path) -> Result<Self, ForeignFileError> {
        foreign_file::read(file, "an ACL file", Self::read)
    }

    /// How many rules it has.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts its rules in the place of those that there are; what none of them is for is denied then, as mosquitto does.
    ///
    /// # Errors
    /// Where there are too many.
    pub fn replace(self, set: &mut RuleSet) -> Result<(), RuleSetError> {
        set.rules.clear();
        for (subject, operations, filter, effect) in self.0 {
            set.add(subject, operations, filter, effect, None)?;
        }
        set.otherwise = Effect::Deny;
        Ok(())
    }
}

enum Read {
    User(RuleSubject),
    Rule(Line),
}

fn read_line(line: &str, user: &RuleSubject) -> Result<Read, String> {
    let (keyword, rest) = line.split_once([' ', '\t']).map_or((line, ""), |(keyword, rest)| (keyword, rest.trim()));
    match keyword {
        "user" => {
            let name = AccountName::new(rest).map_err(|error| error.to_string())?;
            Ok(Read::User(RuleSubject::Account(name)))
        }
        "topic" => {
            let (operations, filter, effect) = access(rest)?;
            if filter.has_placeholder() {
                let problem = "%u and %c stand for user name and client identifier in Nightjar, in every rule: mosquitto \
                               means them so only after `pattern`";
                return Err(problem.to_owned());
            }
            Ok(Read::Rule((user.clone(), operations, filter, effect)))
        }
        "pattern" => {
            let (operations, filter, effect) = access(rest)?;
            Ok(Read::Rule((RuleSubject::Everybody, operations, filter, effect)))
        }
        other => Err(format!("it begins with {other:?}, and not with user, topic or pattern")),
    }
}

/// `[read|write|readwrite|deny] FILTER`, where the filter may have spaces.
fn access(text: &str) -> Result<(Operations, RuleFilter, Effect), String> {
    let (word, behind) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let (operations, effect, filter) = match word {
        "read" => (Operations::Subscribe, Effect::Allow, behind),
        "write" => (Operations::Publish, Effect::Allow, behind),
        "readwrite" => (Operations::Both, Effect::Allow, behind),
        "deny" => (Operations::Both, Effect::Deny, behind),
        _ => (Operations::Both, Effect::Allow, text),
    };
    let filter = filter.trim();
    if filter.is_empty() {
        return Err("there is no topic".to_owned());
    }
    let filter = RuleFilter::new(filter).map_err(|error| format!("{filter:?}: {error}"))?;
    Ok((operations, filter, effect))
}

#[cfg(test)]
mod tests {
    use nightjar_broker::{Broker, Operation, Question};

    use super::*;

    const FILE: &str = "\u{feff}# Who has no account.\r
topic read news/#
topic deny news/secret/#\r

user tv
topic readwrite home/tv/#
topic deny home/tv/locked
topic\twrite log/my tv

user Jürgen Müller
topic read #
topic read $SYS/#

pattern write device/%c/status
pattern read user/%u/#
pattern deny user/%u/hidden
";

    fn set() -> RuleSet {
        let mut set = RuleSet::default();
        Acl::read(FILE).unwrap().replace(&mut set).unwrap();
        set
    }

    #[test]
    fn a_file_says_the_same_here_as_there() {
        let set = set();
        assert_eq!((set.rules.len(), set.otherwise), (10, Effect::Deny));
        let (read, write) = (Operation::Subscribe, Operation::Publish);
        for (client, user, operation, topic, allowed) in [
            ("c", None, read, "news/today", true),
            ("c", None, write, "news/today", false),
            ("c", None, read, "news/secret/x", false),
            ("c", None, write, "device/c/status", true),
            ("c", None, write, "device/d/status", false),
            ("c", None, read, "user/c/x", false),
            ("c", Some("tv"), read, "news/today", false),
            ("c", Some("tv"), write, "home/tv/on", true),
            ("c", Some("tv"), write, "home/tv/locked", false),
            ("c", Some("tv"), write, "log/my tv", true),
            ("c", Some("tv"), read, "log/my tv", false),
            ("c", Some("tv"), read, "user/tv/x", true),
            ("c", Some("tv"), read, "user/tv/hidden", false),
            ("c", Some("tv"), read, "$SYS/broker/uptime", false),
            ("c", Some("Jürgen Müller"), read, "user/tv/hidden", true),
            ("c", Some("Jürgen Müller"), read, "$SYS/broker/uptime", true),
            ("c", Some("Jürgen Müller"), write, "news/today", false),
            ("a/b", Some("tv"), write, "device/a/b/status", false),
            ("+", Some("tv"), write, "device/x/status", false),
        ] {
            let question = Question { client, user, operation, topic };
            let explanation = Broker::explain_under(set.clone(), &question);
            assert_eq!(explanation.allowed, allowed, "{question:?}: {explanation:?}");
        }
    }

    #[test]
    fn every_wrong_line_is_named() {
        let file = "topic a\nuser\ntopic\ntopics a\ntopic read a/#/b\ntopic %u/a\npattern read $share/g/a\nuser a:b\n";
        let wrong = Acl::read(file).unwrap_err();
        let expected = [
            (2, "1 to 256 bytes"),
            (3, "no topic"),
            (4, "\"topics\""),
            (5, "\"a/#/b\""),
            (6, "pattern"),
            (7, "$share"),
            (8, "no colon"),
        ];
        assert_eq!(wrong.len(), expected.len(), "{wrong:?}");
        for (wrong, (number, problem)) in wrong.iter().zip(expected) {
            assert_eq!(wrong.number, number);
            assert!(wrong.problem.contains(problem), "{wrong}");
        }
    }
}
