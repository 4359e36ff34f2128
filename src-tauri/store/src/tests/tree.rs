//! The topic tree as the journal feeds it.

use super::*;

#[test]
fn the_tree_sees_each_message_once() {
    for (_directory, store) in both() {
        keep(&store, (0..20_000).map(|number| record(message(&format!("t/{}", number % 10), &number.to_string()))));
        keep(&store, [record(retained("lamp", "on")), record(message("t/0", "last"))]);
        // The tree is shown what was committed before the next batch is taken.
        keep(&store, [record(message("end", ""))]);
        let topic = store.topics().topic("t/0").unwrap();
        assert_eq!((topic.messages, &topic.preview[..]), (2_001, &b"last"[..]));
        assert!(store.topics().topic("lamp").unwrap().retained);
        assert!(store.topics().count() >= 11);
    }
}

#[test]
fn the_tree_is_filled_from_the_history() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store;
    let long = "x".repeat(10_000);
    keep(&store, (0..3_000).map(|number| record(message(&format!("t/{}", number % 1_500), &number.to_string()))));
    keep(&store, [record(retained("lamp", "on")), record(retained("door", "open")), record(retained("door", ""))]);
    keep(&store, [record(message("long", &long))]);
    drop(store);

    let store = open(directory.path()).store;
    keep(&store, [record(message("t/7", "new"))]);
    store.wait_for_topics();
    // The tree is shown what was committed before the next batch is taken.
    keep(&store, [record(message("end", ""))]);
    let topic = |name| store.topics().topic(name).unwrap();
    assert!(store.topics().count() >= 1_503);
    assert_eq!((topic("t/7").messages, &topic("t/7").preview[..]), (3, &b"new"[..]));
    assert_eq!((topic("t/8").messages, &topic("t/8").preview[..]), (2, &b"1508"[..]));
    assert!(topic("lamp").retained);
    assert!(!topic("door").retained);
    assert_eq!((topic("long").size, topic("long").preview.len()), (10_000, 160));
}
