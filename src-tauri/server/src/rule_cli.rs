//! `nightjar-server rule …`: who may publish and read what. It works while a broker runs on the data directory, which then
//! follows within a second or two.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use nightjar_broker::{
    AccountName, Broker, Decided, Effect, Operation, Operations, Question, RuleFilter, RuleNumber, RuleSet, RuleSubject,
};
use nightjar_mqtt::{TopicFilter, TopicName};
use nightjar_store::RuleBook;

use crate::mosquitto_acl::Acl;

/// Who may publish and read what: the first rule that matches decides.
#[derive(Debug, Subcommand)]
pub(crate) enum RuleCommand {
    /// Add a rule, at the end of the list or before another; for everybody, unless it says for whom
    Add {
        effect: EffectName,
        operations: OperationsName,
        /// A topic filter, in which %u stands for the user name and %c for the client identifier
        filter: String,
        #[command(flatten)]
        subject: Subject,
        /// The number of the rule that it comes before
        #[arg(long, value_name = "NUMBER")]
        before: Option<u32>,
        /// Also where nobody may do anything then
        #[arg(long)]
        lock_out: bool,
    },

    /// Move a rule before another, or to the end of the list
    Move {
        number: u32,
        #[arg(long, value_name = "NUMBER")]
        before: Option<u32>,
        /// Also where nobody may do anything then
        #[arg(long)]
        lock_out: bool,
    },

    /// Remove a rule
    Remove {
        number: u32,
        /// Also where nobody may do anything then
        #[arg(long)]
        lock_out: bool,
    },

    /// Say what holds where no rule matches
    Otherwise {
        effect: EffectName,
        /// Also where nobody may do anything then
        #[arg(long)]
        lock_out: bool,
    },

    /// Show the rules in their order, and what holds otherwise
    List,

    /// Say whether a client may do something, and which rule decides; exit code 1 where it may not
    Test {
        operation: OperationName,
        /// A topic; where it is to subscribe, also a topic filter
        topic: String,
        /// The account that the client logs in with; none without it
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
        /// The client identifier
        #[arg(long, value_name = "ID", default_value = "some-client")]
        client: String,
    },

    /// Take over an ACL file of mosquitto; nothing is changed where a line is wrong
    ImportAcl {
        file: PathBuf,
        /// Also where there are rules already, which are removed
        #[arg(long)]
        replace: bool,
        /// Also where nobody may do anything then
        #[arg(long)]
        lock_out: bool,
    },
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Subject {
    /// Only for clients of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Only for clients without an account
    #[arg(long)]
    nameless: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum EffectName {
    Allow,
    Deny,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OperationsName {
    Publish,
    Subscribe,
    Both,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OperationName {
    Publish,
    Subscribe,
}

impl From<EffectName> for Effect {
    fn from(name: EffectName) -> Self {
        match name {
            EffectName::Allow => Self::Allow,
            EffectName::Deny => Self::Deny,
        }
    }
}

impl From<OperationsName> for Operations {
    fn from(name: OperationsName) -> Self {
        match name {
            OperationsName::Publish => Self::Publish,
            OperationsName::Subscribe => Self::Subscribe,
            OperationsName::Both => Self::Both,
        }
    }
}

impl From<OperationName> for Operation {
    fn from(name: OperationName) -> Self {
        match name {
            OperationName::Publish => Self::Publish,
            OperationName::Subscribe => Self::Subscribe,
        }
    }
}

pub(crate) fn run(command: RuleCommand, data_directory: &Path) -> anyhow::Result<()> {
    let mut book = RuleBook::open(data_directory)?;
    match command {
        RuleCommand::Add { effect, operations, filter, subject, before, lock_out } => {
            let filter =
                RuleFilter::new(&filter).with_context(|| format!("{filter:?} can't be the filter of a rule"))?;
            let (subject, before) = (subject.parse()?, before.map(RuleNumber));
            let (number, set) = change(&mut book, lock_out, |set| {
                Ok(set.add(subject, operations.into(), filter, effect.into(), before)?)
            })?;
            if let Some(rule) = set.rules.iter().find(|rule| rule.number == number) {
                say(&format!("rule {rule} was added"));
            }
            let is_needless = set.otherwise.allows() && set.rules.iter().all(|rule| rule.effect.allows());
            if is_needless {
                say(
                    "what no rule is for is allowed, so that this changes nothing yet: `rule otherwise deny` denies it",
                );
            }
        }
        RuleCommand::Move { number, before, lock_out } => {
            let (number, before) = (RuleNumber(number), before.map(RuleNumber));
            change(&mut book, lock_out, |set| Ok(set.place_before(number, before)?))?;
            say(&format!("rule {number} was moved"));
        }
        RuleCommand::Remove { number, lock_out } => {
            let (rule, _) = change(&mut book, lock_out, |set| Ok(set.remove(RuleNumber(number))?))?;
            say(&format!("rule {rule} was removed"));
        }
        RuleCommand::Otherwise { effect, lock_out } => {
            let effect = Effect::from(effect);
            change(&mut book, lock_out, |set| {
                set.otherwise = effect;
                Ok(())
            })?;
            let holds = if effect.allows() { "allowed" } else { "denied" };
            say(&format!("what no rule is for is {holds}"));
        }
        RuleCommand::List => list(&book.rules()?)?,
        RuleCommand::Test { operation, topic, account, client } => {
            let question =
                Question { client: &client, user: account.as_deref(), operation: operation.into(), topic: &topic };
            test(book.rules()?, &question)?;
        }
        RuleCommand::ImportAcl { file, replace, lock_out } => {
            let acl = Acl::open(&file)?;
            let count = acl.len();
            change(&mut book, lock_out, |set| {
                ensure!(
                    replace || set.is_open(),
                    "there are {} rules already: --replace puts those of the file in their place",
                    set.rules.len()
                );
                Ok(acl.replace(set)?)
            })?;
            say(&format!("{count} rules were imported; what none of them is for is denied, as mosquitto does"));
        }
    }
    Ok(())
}

impl Subject {
    fn parse(self) -> anyhow::Result<RuleSubject> {
        match (self.account, self.nameless) {
            (Some(name), _) => {
                let parsed = AccountName::new(&name);
                let name = parsed.with_context(|| format!("{name:?} can't be the name of an account"))?;
                Ok(RuleSubject::Account(name))
            }
            (None, true) => Ok(RuleSubject::Nameless),
            (None, false) => Ok(RuleSubject::Everybody),
        }
    }
}

/// Changes the list, unless it would lock everybody out who is not locked out already.
fn change<T>(
    book: &mut RuleBook,
    lock_out: bool,
    change: impl FnOnce(&mut RuleSet) -> anyhow::Result<T>,
) -> anyhow::Result<(T, RuleSet)> {
    book.change(|set| {
        let were_locked_out = set.locks_everybody_out();
        let changed = change(set)?;
        if set.locks_everybody_out() && !were_locked_out && !lock_out {
            bail!("nobody could publish or subscribe any more: add rules that allow something, or say --lock-out");
        }
        Ok(changed)
    })
}

fn list(set: &RuleSet) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for rule in &set.rules {
        let (effect, operations) = (rule.effect.name(), rule.operations.name());
        writeln!(out, "{}\t{effect}\t{operations}\t{}\t{}", rule.number, rule.filter.as_str(), rule.subject)?;
    }
    writeln!(out, "otherwise\t{}", set.otherwise.name())
}

fn test(set: RuleSet, question: &Question<'_>) -> anyhow::Result<()> {
    let topic = question.topic;
    match question.operation {
        Operation::Publish => drop(TopicName::new(topic.to_owned()).with_context(|| format!("{topic:?} is no topic"))?),
        Operation::Subscribe => {
            let filter = TopicFilter::new(topic.to_owned()).with_context(|| format!("{topic:?} is no topic filter"))?;
            ensure!(filter.shared().is_none(), "rules are for the filter behind the share's name: leave out $share");
        }
    }
    let explanation = Broker::explain_under(set, question);
    let verdict = if explanation.allowed { "allowed" } else { "denied" };
    let mut answer = match &explanation.decided {
        Decided::NoRules => format!("{verdict}: there are no rules"),
        Decided::Rule(rule) => format!("{verdict} by rule {rule}"),
        Decided::Otherwise => format!("{verdict}: no rule matches, and otherwise everything is {verdict}"),
        Decided::BrokersOwn => format!("{verdict}: topics below $SYS are the broker's own"),
    };
    for number in &explanation.passed_over {
        answer.push_str(&format!(
            "\nrule {number} was passed over: the user name or client identifier for its %u or %c is missing, or has /, +, \
             # or a $ at its beginning"
        ));
    }
    ensure!(explanation.allowed, "{answer}");
    writeln!(io::stdout(), "{answer}")?;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a user at a terminal asked for it; the output is data")]
fn say(sentence: &str) {
    eprintln!("{sentence}");
}
