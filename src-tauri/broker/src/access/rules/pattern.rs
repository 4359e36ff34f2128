//! Comparing Topic Filters with topics and with each other (4.7 Topic Names and Topic Filters). All texts are valid ones.

/// Whether every topic that `narrow` matches is matched by `wide`, as far as one look at each level can tell: `false` may
/// also be "not for sure". A Topic Name is a filter that matches itself, for which the answer is exact.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    if begins_with_wildcard(wide) && narrow.starts_with('$') {
        return false;
    }
    let (mut wide, mut narrow) = (wide.split('/'), narrow.split('/'));
    loop {
        match (wide.next(), narrow.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(level)) if level != "#" => {}
            (Some(wide), Some(narrow)) if wide == narrow => {}
            _ => return false,
        }
    }
}

/// Whether there is a topic that both match.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    if (begins_with_wildcard(one) && other.starts_with('$')) || (begins_with_wildcard(other) && one.starts_with('$')) {
        return false;
    }
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

fn begins_with_wildcard(filter: &str) -> bool {
    filter.starts_with(['+', '#'])
}
