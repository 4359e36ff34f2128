//! What is kept for how long, how much that is, and what other rules would let go of.

use std::time::Duration;

use nightjar_mqtt::TopicFilter;
use nightjar_store::{Bounds, Keep, Keeping, KeepingRule, Pruning, ReadError, Store};

use super::millis;
use crate::wire::{self, Fault, KeepingBounds, KeepingForecast, KeepingRules, RuleForecast};

/// # Errors
/// Where the history can't be read.
pub fn state(store: &Store) -> Result<wire::Keeping, ReadError> {
    let statistics = store.statistics();
    let Pruning { at_work, deleted, ended, failed } = store.pruning();
    Ok(wire::Keeping {
        rules: rules(&store.keeping()),
        messages: statistics.messages,
        bytes: statistics.bytes,
        oldest: store.oldest()?.map(millis),
        in_memory: store.is_in_memory(),
        deleting: at_work,
        deleted,
        deleted_at: ended.map(millis),
        failed,
    })
}

/// # Errors
/// Where a rule is none, or the history can't be read.
pub fn forecast(store: &Store, wanted: &KeepingRules) -> Result<KeepingForecast, Fault> {
    let wanted = keeping(wanted, &store.keeping())?;
    let forecast =
        store.forecast(&wanted).map_err(|error| Fault::of_read("What would be deleted is not known", &error))?;
    let rules = forecast.rules.iter().map(|rule| RuleForecast {
        topics: rule.topics,
        messages: rule.messages,
        lost: rule.lost,
        maybe_more: rule.maybe_more,
    });
    Ok(KeepingForecast { rules: rules.collect(), beyond_file: forecast.beyond_file })
}

fn rules(keeping: &Keeping) -> KeepingRules {
    let rule = |rule: &KeepingRule| wire::KeepingRule { filter: rule.filter.to_string(), keep: bounds(rule.keep) };
    KeepingRules {
        rules: keeping.rules.iter().map(rule).collect(),
        otherwise: bounds(keeping.otherwise),
        file: keeping.file,
        events: keeping.events.age.map(whole_millis),
    }
}

fn bounds(keep: Keep) -> KeepingBounds {
    match keep {
        Keep::Nothing => KeepingBounds { nothing: true, ..KeepingBounds::default() },
        Keep::Within(Bounds { age, messages, bytes }) => {
            KeepingBounds { nothing: false, age: age.map(whole_millis), messages, bytes }
        }
    }
}

fn whole_millis(age: Duration) -> u64 {
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

/// The same the other way; what the window has no field for is as it is `now`.
///
/// # Errors
/// Where a filter is none.
pub fn keeping(wanted: &KeepingRules, now: &Keeping) -> Result<Keeping, Fault> {
    let rules = wanted.rules.iter().map(|wire::KeepingRule { filter, keep }| {
        let filter = TopicFilter::new(filter.clone()).map_err(|error| {
            let what = format!("The filter of the rule {filter:?} is not valid");
            Fault::new(what, error, "Correct it: + stands for one level, # at the end for all that follow")
        })?;
        Ok(KeepingRule { filter, keep: kept(*keep) })
    });
    Ok(Keeping {
        rules: rules.collect::<Result<_, Fault>>()?,
        otherwise: kept(wanted.otherwise),
        file: wanted.file,
        events: Bounds { age: wanted.events.map(Duration::from_millis), ..now.events },
    })
}

fn kept(bounds: KeepingBounds) -> Keep {
    let KeepingBounds { nothing, age, messages, bytes } = bounds;
    if nothing { Keep::Nothing } else { Keep::Within(Bounds { age: age.map(Duration::from_millis), messages, bytes }) }
}

#[cfg(test)]
mod tests {
    use nightjar_store::{Durability, Options};

    use super::*;

    #[test]
    fn rules_come_back_as_they_went() {
        let rule = |filter: &str, keep| KeepingRule { filter: TopicFilter::new(filter.to_owned()).unwrap(), keep };
        let within = Keep::Within(Bounds { age: None, messages: Some(5), bytes: Some(1_000) });
        for keeping in [
            Keeping::default(),
            Keeping::everything(),
            Keeping {
                rules: vec![rule("a/#", Keep::Nothing), rule("b", Keep::for_age(Duration::from_millis(1_500)))],
                otherwise: within,
                ..Keeping::default()
            },
        ] {
            assert_eq!(super::keeping(&rules(&keeping), &keeping).unwrap(), keeping);
        }
        let mut wrong = rules(&Keeping::default());
        wrong.rules.push(wire::KeepingRule { filter: "a#".to_owned(), keep: KeepingBounds::default() });
        let fault = super::keeping(&wrong, &Keeping::default()).unwrap_err();
        assert!(fault.what.contains("a#") && fault.action.contains('#'), "{fault:?}");
    }

    #[test]
    fn an_empty_history_in_memory_says_so() {
        let store = Store::open(&Options::new("unused").durability(Durability::None)).unwrap().store;
        let state = state(&store).unwrap();
        assert_eq!((state.in_memory, state.messages, state.oldest, state.deleting), (true, 0, None, false));
        let forecast = forecast(&store, &state.rules).unwrap();
        let none = RuleForecast { topics: 0, messages: 0, lost: 0, maybe_more: false };
        assert_eq!(forecast, KeepingForecast { rules: vec![none], beyond_file: 0 });
    }
}
