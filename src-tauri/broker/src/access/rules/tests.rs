//! The engine beside a naive one: the list read line by line, for every topic of a small alphabet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::{AccountName, ClientIdentifier};

const LEVELS: [&str; 5] = ["a", "b", "$s", "", "xa"];
const NAMES: [&str; 9] = ["a", "b", "a/b", "+", "#", "$s", "%u", "%c", "a/+"];

fn account(name: &str) -> RuleSubject {
    RuleSubject::Account(AccountName::new(name).unwrap())
}

fn filter(text: &str) -> RuleFilter {
    RuleFilter::new(text).unwrap()
}

fn who(client: &str, user: Option<&str>) -> Who {
    Who::new(ClientIdentifier::new(client), user.map(Into::into))
}

fn set(rules: &[(RuleSubject, Operations, &str, Effect)], otherwise: Effect) -> RuleSet {
    let mut set = RuleSet { otherwise, ..RuleSet::default() };
    for (subject, operations, text, effect) in rules {
        set.add(subject.clone(), *operations, filter(text), *effect, None).unwrap();
    }
    set
}

/// Topics of one to three levels.
fn topics() -> Vec<String> {
    let one: Vec<_> = LEVELS.map(str::to_owned).into();
    let longer = |shorter: &[String]| -> Vec<String> {
        shorter.iter().flat_map(|front| LEVELS.map(|level| format!("{front}/{level}"))).collect()
    };
    let two = longer(&one);
    let three = longer(&two);
    [one, two, three].concat().into_iter().filter(|topic| !topic.is_empty()).collect()
}

/// Whether a filter matches, level by level: what stands for a placeholder is text and nothing else.
fn matches(rule: &Rule, who: &Who, topic: &str) -> bool {
    let text = rule.filter.as_str();
    if topic.starts_with('$') && text.starts_with(['+', '#']) {
        return false;
    }
    let mut levels: Vec<Option<String>> = Vec::new();
    for level in text.split('/') {
        if level == "+" || level == "#" {
            levels.push(None);
            continue;
        }
        let mut filled = String::new();
        let mut letters = level.chars().peekable();
        while let Some(letter) = letters.next() {
            let name = match (letter, letters.peek()) {
                ('%', Some('u')) => who.user.as_deref(),
                ('%', Some('c')) => Some(&*who.client),
                _ => {
                    filled.push(letter);
                    continue;
                }
            };
            letters.next();
            let Some(name) = name else { return false };
            let strays = name.contains(['/', '+', '#']) || name.starts_with('$');
            if name.is_empty() || (rule.effect == Effect::Allow && strays) {
                return false;
            }
            filled.push_str(name);
        }
        levels.extend(filled.split('/').map(|level| Some(level.to_owned())));
    }
    let has_rest = text.ends_with('#');
    let fixed = &levels[..levels.len() - usize::from(has_rest)];
    let wanted: Vec<_> = topic.split('/').collect();
    let fits = if has_rest { wanted.len() >= fixed.len() } else { wanted.len() == fixed.len() };
    fits && fixed.iter().zip(&wanted).all(|(level, wanted)| level.as_deref().is_none_or(|level| level == *wanted))
}

/// The number of the rule that decides, and whether it is allowed.
fn naive(set: &RuleSet, who: &Who, operation: Operation, topic: &str) -> (Option<RuleNumber>, bool) {
    for rule in &set.rules {
        let is_for = match &rule.subject {
            RuleSubject::Everybody => true,
            RuleSubject::Nameless => who.user.is_none(),
            RuleSubject::Account(name) => who.user.as_deref() == Some(&**name),
        };
        if is_for && rule.operations.include(operation) && matches(rule, who, topic) {
            return (Some(rule.number), rule.effect.allows());
        }
    }
    (None, set.otherwise.allows())
}

fn some_filter() -> impl Strategy<Value = String> {
    let level = prop::sample::select(vec!["a", "b", "", "+", "+", "$s", "%u", "%c", "x%u", "%c%u"]);
    (vec(level, 0..3), any::<bool>()).prop_map(|(levels, has_rest)| {
        let mut levels = levels;
        if has_rest || levels.concat().is_empty() {
            levels.push("#");
        }
        levels.join("/")
    })
}

fn some_rule() -> impl Strategy<Value = (RuleSubject, Operations, String, Effect)> {
    let subject = prop_oneof![
        3 => Just(RuleSubject::Everybody),
        1 => Just(RuleSubject::Nameless),
        2 => prop::sample::select(NAMES.to_vec()).prop_map(account),
    ];
    let operations = prop::sample::select(vec![Operations::Publish, Operations::Subscribe, Operations::Both]);
    (subject, operations, some_filter(), prop::sample::select(vec![Effect::Allow, Effect::Deny]))
}

proptest! {
    #[test]
    fn the_engine_says_what_the_list_says(
        rules in vec(some_rule(), 0..7),
        otherwise in prop::sample::select(vec![Effect::Allow, Effect::Deny]),
        client in prop::sample::select(NAMES.to_vec()),
        user in option::of(prop::sample::select(NAMES.to_vec())),
        wanted in some_filter(),
    ) {
        let rules: Vec<_> = rules.iter().map(|(s, o, filter, e)| (s.clone(), *o, &**filter, *e)).collect();
        let set = set(&rules, otherwise);
        let (engine, who) = (RuleEngine::new(set.clone()), who(client, user));
        let mut readable = Vec::new();
        for topic in topics() {
            for operation in [Operation::Publish, Operation::Subscribe] {
                let (number, allowed) = naive(&set, &who, operation, &topic);
                let denied = match operation {
                    Operation::Publish => engine.denies_publish(&who, &topic),
                    Operation::Subscribe => engine.denies_read(&who, &topic),
                };
                let decider = number.map_or(Decider::Otherwise, Decider::Rule);
                prop_assert_eq!(denied, (!allowed).then_some(decider), "{:?} {}", operation, topic);
                let question = Question { client, user, operation, topic: &topic };
                prop_assert_eq!(engine.explain(&question).allowed, allowed);
                if operation == Operation::Subscribe {
                    // A topic is a filter that matches nothing else.
                    prop_assert_eq!(engine.denies_subscription(&who, &topic).is_none(), allowed, "{}", topic);
                    if allowed {
                        readable.push(topic.clone());
                    }
                }
            }
        }
        // A client may subscribe to its own "%u", too: what it sends is a filter as it is.
        if engine.denies_subscription(&who, &wanted).is_some() {
            let wanted = nightjar_mqtt::TopicFilter::new(wanted).unwrap();
            for topic in readable {
                let topic = nightjar_mqtt::TopicName::new(topic).unwrap();
                prop_assert!(!wanted.matches(&topic), "{} was refused, and {} is readable", wanted, topic);
            }
        }
    }
}

#[test]
fn without_rules_everything_is_allowed() {
    let engine = RuleEngine::default();
    assert!(engine.is_open());
    let question = Question { client: "c", user: None, operation: Operation::Subscribe, topic: "#" };
    let expected = Explanation { allowed: true, decided: Decided::NoRules, passed_over: vec![] };
    assert_eq!(engine.explain(&question), expected);
}

#[test]
fn a_subscription_is_refused_where_nothing_of_it_may_be_read() {
    use Effect::{Allow, Deny};
    let engine = RuleEngine::new(set(
        &[
            (RuleSubject::Everybody, Operations::Both, "home/secret/#", Deny),
            (RuleSubject::Everybody, Operations::Subscribe, "home/+/temp", Allow),
            (RuleSubject::Everybody, Operations::Subscribe, "own/%c/#", Allow),
            (RuleSubject::Everybody, Operations::Publish, "pub/#", Allow),
        ],
        Deny,
    ));
    let who = who("lamp", None);
    for (wanted, denied) in [
        ("#", None),
        ("+/+/temp", None),
        ("home/#", None),
        ("home/kitchen/temp", None),
        ("own/#", None),
        ("own/lamp", None),
        ("own/tv/#", Some(Decider::Otherwise)),
        ("pub/#", Some(Decider::Otherwise)),
        ("home/secret/#", Some(Decider::Rule(RuleNumber(1)))),
        ("home/secret/temp", Some(Decider::Rule(RuleNumber(1)))),
        ("home/+", Some(Decider::Otherwise)),
        ("+", Some(Decider::Otherwise)),
        ("$SYS/#", Some(Decider::Otherwise)),
    ] {
        assert_eq!(engine.denies_subscription(&who, wanted), denied, "{wanted}");
    }
}

#[test]
fn who_is_passed_over_is_told() {
    let engine = RuleEngine::new(set(
        &[
            (RuleSubject::Everybody, Operations::Both, "by/%u/#", Effect::Allow),
            (RuleSubject::Everybody, Operations::Both, "of/%c", Effect::Allow),
            (RuleSubject::Everybody, Operations::Subscribe, "x/#", Effect::Allow),
        ],
        Effect::Deny,
    ));
    let ask = |client, user, topic| engine.explain(&Question { client, user, operation: Operation::Publish, topic });
    let refused = ask("a/b", None, "of/a/b");
    assert_eq!((refused.allowed, refused.decided), (false, Decided::Otherwise));
    assert_eq!(refused.passed_over, [RuleNumber(1), RuleNumber(2)]);
    let allowed = ask("lamp", Some("tv"), "by/tv/on");
    assert!(allowed.allowed && allowed.passed_over.is_empty());
    assert!(matches!(allowed.decided, Decided::Rule(rule) if rule.number == RuleNumber(1)));
}

#[test]
fn a_list_is_changed_by_number() {
    let mut set = set(&[(RuleSubject::Everybody, Operations::Both, "a", Effect::Allow)], Effect::Allow);
    let order = |set: &RuleSet| set.rules.iter().map(|rule| rule.number.0).collect::<Vec<_>>();
    let (subject, operations) = (RuleSubject::Nameless, Operations::Publish);
    set.add(subject.clone(), operations, filter("b"), Effect::Deny, Some(RuleNumber(1))).unwrap();
    set.add(subject.clone(), operations, filter("c"), Effect::Deny, None).unwrap();
    assert_eq!(order(&set), [2, 1, 3]);
    set.place_before(RuleNumber(3), Some(RuleNumber(2))).unwrap();
    set.place_before(RuleNumber(2), None).unwrap();
    set.place_before(RuleNumber(2), Some(RuleNumber(2))).unwrap();
    assert_eq!(order(&set), [3, 1, 2]);
    set.remove(RuleNumber(3)).unwrap();
    let missing = RuleNumber(3);
    assert_eq!(set.remove(missing), Err(RuleSetError::NoSuchRule(missing)));
    assert_eq!(set.place_before(RuleNumber(1), Some(missing)), Err(RuleSetError::NoSuchRule(missing)));
    assert_eq!(order(&set), [1, 2], "nothing was moved");
    assert_eq!(
        set.add(subject, operations, filter("d"), Effect::Deny, None),
        Ok(RuleNumber(4)),
        "no number comes twice"
    );
}

#[test]
fn who_locks_everybody_out_can_be_told() {
    use Effect::{Allow, Deny};
    let everybody = || RuleSubject::Everybody;
    for (rules, otherwise, locked) in [
        (vec![], Allow, false),
        (vec![], Deny, true),
        (vec![(everybody(), Operations::Publish, "#", Deny)], Deny, true),
        (vec![(everybody(), Operations::Both, "#", Deny), (everybody(), Operations::Both, "a", Allow)], Allow, true),
        (vec![(account("tv"), Operations::Both, "a", Allow), (everybody(), Operations::Both, "#", Deny)], Deny, false),
        (vec![(everybody(), Operations::Publish, "#", Deny)], Allow, false),
    ] {
        let set = set(&rules, otherwise);
        assert_eq!(set.locks_everybody_out(), locked, "{set:?}");
    }
}

#[test]
fn filters_that_no_rule_can_have() {
    assert!(matches!(RuleFilter::new(""), Err(InvalidRuleFilter::Topic(_))));
    assert!(matches!(RuleFilter::new("a/#/b"), Err(InvalidRuleFilter::Topic(_))));
    assert_eq!(RuleFilter::new("$share/g/a"), Err(InvalidRuleFilter::Shared));
    assert!(filter("a/%u").has_placeholder() && !filter("100%/a").has_placeholder());
}
