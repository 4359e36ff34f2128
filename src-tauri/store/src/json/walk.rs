use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::path::Step;

/// A value that a path leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(&'a str),
    /// An object or a list.
    Compound,
}

/// Shows all values that the steps lead to, in their order; whether the payload is JSON from its beginning to its end.
pub(super) fn visit(payload: &[u8], steps: &[Step], show: &mut dyn FnMut(Scalar<'_>)) -> bool {
    let mut json = serde_json::Deserializer::from_slice(payload);
    Walk { steps, show }.deserialize(&mut json).and_then(|()| json.end()).is_ok()
}

struct Walk<'a, 'b> {
    steps: &'a [Step],
    show: &'b mut dyn FnMut(Scalar<'_>),
}

impl Walk<'_, '_> {
    fn scalar<E>(self, scalar: Scalar<'_>) -> Result<(), E> {
        if self.steps.is_empty() {
            (self.show)(scalar);
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar(Scalar::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(Scalar::Number(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(Scalar::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(Scalar::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(Scalar::Text(value))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((step, steps)) = self.steps.split_first() else {
            (self.show)(Scalar::Compound);
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        while let Some(is_it) = map.next_key_seed(IsKey(step))? {
            if is_it {
                map.next_value_seed(Walk { steps, show: &mut *self.show })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((step, steps)) = self.steps.split_first() else {
            (self.show)(Scalar::Compound);
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        for number in 0.. {
            let is_it = matches!(step, Step::All) || *step == Step::Element(number);
            let more = if is_it {
                list.next_element_seed(Walk { steps, show: &mut *self.show })?.is_some()
            } else {
                list.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
}

/// Whether a key is the step's.
struct IsKey<'a>(&'a Step);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(match self.0 {
            Step::Member(name) => name == key,
            Step::All => true,
            Step::Element(_) => false,
        })
    }
}
