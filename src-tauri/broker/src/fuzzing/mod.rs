//! The session, the trees and the frames of a WebSocket against models that are simpler than they are, under any sequence of steps.
//!
//! Each function here reads its input as a list of steps and panics where the code and its model part. `fuzz/` drives
//! them with libFuzzer, and `cargo test` with random bytes and with all that libFuzzer ever found (`fuzz/seeds/`).
//! Nothing of this is in the broker: the module needs the feature `fuzzing`, or `cfg(test)`.

mod retained_tree;
mod script;
mod session;
mod subscription_tree;
mod web_socket;

pub use retained_tree::retained_tree;
pub use session::session;
pub use subscription_tree::subscription_tree;
pub use web_socket::web_socket;

/// Whether a Topic Filter matches a Topic Name, word for word as 4.7 says it and with no thought to speed. It shares
/// nothing with the trees, nor with [`nightjar_mqtt::TopicFilter::matches`].
fn matches(filter: &str, topic: &str) -> bool {
    fn levels_match(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) | ([], []) => true,
            (["+", filter @ ..], [_, topic @ ..]) => levels_match(filter, topic),
            ([wanted, filter @ ..], [level, topic @ ..]) => wanted == level && levels_match(filter, topic),
            ([], [_, ..]) | ([_, ..], []) => false,
        }
    }
    // [MQTT-4.7.2-1]
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    levels_match(&filter.split('/').collect::<Vec<_>>(), &topic.split('/').collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Every input that libFuzzer kept, once more.
    #[expect(clippy::print_stdout, reason = "a failure has to say which input it was")]
    fn repeat(target: &str, run: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let mut count = 0;
        for entry in fs::read_dir(&folder).expect("the seeds are in the repository") {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            run(&fs::read(&path).unwrap());
            count += 1;
        }
        assert!(count > 0, "{} holds seeds", folder.display());
    }

    #[test]
    fn the_seeds_find_nothing() {
        repeat("session", session);
        repeat("subscription_tree", subscription_tree);
        repeat("retained_tree", retained_tree);
        repeat("web_socket", web_socket);
    }

    #[test]
    fn the_naive_matcher_knows_the_examples_of_the_specification() {
        // 4.7.1.2, 4.7.1.3, 4.7.2
        for (filter, topic, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/", false),
            ("+/monitor/Clients", "$SYS/monitor/Clients", false),
            ("$SYS/#", "$SYS/monitor", true),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    proptest! {
        #[test]
        fn no_steps_part_session_and_model(input in vec(any::<u8>(), 0..600)) {
            session(&input);
        }

        #[test]
        fn no_steps_part_subscription_tree_and_model(input in vec(any::<u8>(), 0..600)) {
            subscription_tree(&input);
        }

        #[test]
        fn no_steps_part_retained_tree_and_model(input in vec(any::<u8>(), 0..600)) {
            retained_tree(&input);
        }

        #[test]
        fn no_bytes_part_web_socket_and_model(input in vec(any::<u8>(), 0..600)) {
            web_socket(&input);
        }
    }
}
