//! Tests of who takes over, and when.

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn owner(node: &str, incarnation: u128) -> Owner {
    let address = format!("{node}:1").into();
    Owner { cluster: "c".into(), node: node.into(), address, incarnation }
}

fn beat(node: &str, incarnation: u128, owns: bool) -> Heartbeat {
    Heartbeat {
        node: node.into(),
        incarnation: format!("{incarnation:032x}"),
        address: format!("{node}:1"),
        able: true,
        owns,
        epoch: 1,
        ..Heartbeat::default()
    }
}

/// The names in the order in which they take over.
fn in_order() -> [&'static str; 3] {
    let mut names = ["a", "b", "c"];
    names.sort_by_key(|name| rank(name));
    names
}

fn heard(roster: &mut Roster, beat: Heartbeat, at: u64) {
    roster.hear(beat, 0, MS(at));
}

#[test]
fn the_first_that_lives_takes_over_when_the_owner_is_silent_for_two_seconds() {
    let [first, second, last] = in_order();
    let mut of_first = Roster::new(first, 1, true, MS(0));
    let mut of_second = Roster::new(second, 2, true, MS(0));
    for at in (0..10_000).step_by(500) {
        heard(&mut of_first, beat(second, 2, false), at);
        heard(&mut of_second, beat(first, 1, false), at);
        for roster in [&mut of_first, &mut of_second] {
            heard(roster, beat(last, 3, true), at);
            roster.note_owner(&owner(last, 3), 1, MS(at));
            assert!(!roster.should_take_over(true, MS(at)));
            assert_eq!(roster.route(MS(at)), Route::At(format!("{last}:1").into()));
        }
    }
    for roster in [&mut of_first, &mut of_second] {
        assert!(!roster.should_take_over(true, MS(11_400)), "silent for 1.9 s");
    }
    heard(&mut of_first, beat(second, 2, false), 11_500);
    heard(&mut of_second, beat(first, 1, false), 11_500);
    assert!(of_first.should_take_over(true, MS(11_600)));
    assert!(!of_first.should_take_over(false, MS(11_600)), "not while it is behind");
    assert!(!of_second.should_take_over(true, MS(11_600)));
    assert!(of_second.should_take_over(true, MS(13_600)), "the first is silent, too");
    assert_eq!(of_second.route(MS(13_600)), Route::Sought);
    assert_eq!(of_second.route(MS(24_400)), Route::Sought);
    assert_eq!(of_second.route(MS(26_600)), Route::Nowhere);
}

#[test]
fn whoever_has_just_taken_over_has_two_seconds_to_say_so() {
    let [first, second, _] = in_order();
    let mut roster = Roster::new(first, 1, true, MS(0));
    roster.note_owner(&owner(second, 2), 7, MS(5_000));
    assert!(!roster.should_take_over(true, MS(6_900)));
    assert!(roster.should_take_over(true, MS(7_100)));
}

#[test]
fn a_release_counts_at_once_and_an_old_one_does_not() {
    let [first, second, _] = in_order();
    let mut roster = Roster::new(first, 1, true, MS(0));
    roster.note_owner(&owner(second, 2), 7, MS(5_000));
    heard(&mut roster, Heartbeat { released: true, epoch: 6, ..beat(second, 2, false) }, 5_100);
    assert!(!roster.should_take_over(true, MS(5_200)), "of an epoch before");
    heard(&mut roster, Heartbeat { released: true, epoch: 7, ..beat(second, 2, false) }, 5_300);
    assert!(roster.should_take_over(true, MS(5_300)));
}

#[test]
fn another_process_of_the_same_name_is_not_the_owner() {
    let [first, second, _] = in_order();
    let mut roster = Roster::new(first, 1, true, MS(0));
    roster.note_owner(&owner(second, 2), 7, MS(0));
    heard(&mut roster, Heartbeat { able: false, ..beat(second, 99, false) }, 2_900);
    assert!(roster.should_take_over(true, MS(3_000)));
}

#[test]
fn a_server_without_a_copy_waits_for_others() {
    let mut roster = Roster::new("a", 1, false, MS(0));
    assert!(!roster.should_take_over(true, MS(9_900)));
    heard(&mut roster, Heartbeat { able: false, frames: vec![3, 9], ..beat("b", 2, false) }, 9_000);
    assert_eq!(roster.last_frame_heard(1), 9);
    assert!(roster.should_take_over(true, MS(10_000)));
}

#[test]
fn a_server_whose_clock_differs_from_most_does_not_take_over() {
    let mut roster = Roster::new("a", 1, true, MS(0));
    for (node, incarnation) in [("b", 2), ("c", 3)] {
        let beat = Heartbeat { system_ms: 5_000, able: false, ..beat(node, incarnation, false) };
        roster.hear(beat, 3_500, MS(3_000));
    }
    assert!(!roster.should_take_over(true, MS(3_100)));
    for (node, incarnation) in [("b", 2), ("c", 3)] {
        let beat = Heartbeat { system_ms: 5_000, able: false, ..beat(node, incarnation, false) };
        roster.hear(beat, 4_500, MS(4_000));
    }
    assert!(roster.should_take_over(true, MS(4_100)));
}
