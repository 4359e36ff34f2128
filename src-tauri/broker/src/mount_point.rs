use nightjar_mqtt::{ProtocolVersion, TopicFilter, TopicName};

/// The place in the tree of topics that the clients of a listener see as its root: `site/` makes of their `a/b` the
/// broker's `site/a/b`, and they see nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPoint(Box<str>);

/// Why a text is no mount point, in words that go on from "the mount point".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMountPoint {
    #[error("does not end with /")]
    NoLevel,
    #[error("begins with $, where the broker's own topics are")]
    Server,
    #[error("is no Topic Name")]
    NoTopic,
    #[error("has more than 1,000 bytes")]
    TooLong,
}

/// Bytes; what is left is for the topics below.
const LONGEST: usize = 1_000;

impl MountPoint {
    /// Parses a mount point: a Topic Name that ends with `/`.
    ///
    /// # Errors
    /// See [`InvalidMountPoint`].
    pub fn new(text: &str) -> Result<Self, InvalidMountPoint> {
        if text.len() > LONGEST {
            return Err(InvalidMountPoint::TooLong);
        }
        if text.starts_with('$') {
            return Err(InvalidMountPoint::Server);
        }
        TopicName::new(text.to_owned()).map_err(|_| InvalidMountPoint::NoTopic)?;
        if !text.ends_with('/') {
            return Err(InvalidMountPoint::NoLevel);
        }
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A client's topic as the broker has it; `None` where it is too long for one.
    pub(crate) fn mounted(&self, topic: &TopicName) -> Option<TopicName> {
        TopicName::new(format!("{}{}", self.0, &**topic)).ok()
    }

    /// The same for a filter; of a Shared Subscription, for what is behind the name.
    pub(crate) fn mounted_filter(&self, version: ProtocolVersion, filter: &TopicFilter) -> Option<TopicFilter> {
        let text = match filter.shared() {
            Some((share, filter)) => format!("$share/{share}/{}{filter}", self.0),
            None => format!("{}{}", self.0, &**filter),
        };
        TopicFilter::new_for(version, text).ok()
    }

    /// One of the broker's topics as clients know it; `None` where it is not below the mount point.
    pub(crate) fn unmounted(&self, topic: &TopicName) -> Option<TopicName> {
        topic.without_prefix(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_is_whole_levels_that_are_not_the_brokers() {
        for (text, problem) in [
            ("site", InvalidMountPoint::NoLevel),
            ("$SYS/", InvalidMountPoint::Server),
            ("", InvalidMountPoint::NoTopic),
            ("+/", InvalidMountPoint::NoTopic),
            (&"x".repeat(1_001), InvalidMountPoint::TooLong),
        ] {
            assert_eq!(MountPoint::new(text), Err(problem), "{text}");
        }
        assert_eq!(MountPoint::new("a/b/").unwrap().as_str(), "a/b/");
    }

    #[test]
    fn topics_come_back_as_they_went() {
        let mount_point = MountPoint::new("site/").unwrap();
        for topic in ["a", "a/b", "/", "$SYS/broker", "site/"] {
            let topic = TopicName::new(topic).unwrap();
            let mounted = mount_point.mounted(&topic).unwrap();
            assert_eq!(&*mounted, format!("site/{}", &*topic));
            assert_eq!(mount_point.unmounted(&mounted), Some(topic));
        }
        for outside in ["site", "sites/a", "other", "site/"] {
            assert_eq!(mount_point.unmounted(&TopicName::new(outside).unwrap()), None, "{outside}");
        }
        assert_eq!(mount_point.mounted(&TopicName::new("x".repeat(65_533)).unwrap()), None);
    }

    #[test]
    fn filters_never_reach_out_of_it() {
        let mount_point = MountPoint::new("site/").unwrap();
        for (version, filter, expected) in [
            (ProtocolVersion::V5, "#", "site/#"),
            (ProtocolVersion::V5, "+/a", "site/+/a"),
            (ProtocolVersion::V5, "$share/g/#", "$share/g/site/#"),
            (ProtocolVersion::V311, "$share/g/#", "site/$share/g/#"),
            (ProtocolVersion::V5, "$SYS/#", "site/$SYS/#"),
        ] {
            let filter = TopicFilter::new_for(version, filter).unwrap();
            assert_eq!(&*mount_point.mounted_filter(version, &filter).unwrap(), expected);
        }
        let long = TopicFilter::new("x".repeat(65_533)).unwrap();
        assert_eq!(mount_point.mounted_filter(ProtocolVersion::V5, &long), None);
    }
}
