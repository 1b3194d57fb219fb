//! Expiry of orders, and triggers that fire.

use super::*;
use smallvec::smallvec;

#[test]
fn an_order_expires_after_exactly_sixty_seconds_and_subscribers_are_notified() {
    let mut world = World::new();
    world.execute("[1] ADD,a,100\n[2] BUY,a,S,50");
    let outbox = Arc::clone(&world.outbox);
    let user = UserName::parse(b"a").unwrap();
    let job = Job { to: ReplyTo::Nobody, number: 1, assigned: false, work: Work::Subscribe(user) };
    world.shard.accept(Batch { target: ReplyTarget::new(outbox), jobs: smallvec![job] });
    world.deliver_quote("S", 1_000, None);
    // A round serves waiting commands first, so the subscription is not yet active for this order.
    assert_eq!(world.round(), "[2] OK,BUY,S,5,10.00,50.00,61000\n");
    assert_eq!(world.shard.next_due_ms(), Some(61_000));
    world.now_ms = 60_999;
    assert_eq!(world.round(), "");
    world.now_ms = 61_000;
    assert_eq!(world.round(), "* EXPIRED,a,BUY,S,5,10.00,50.00\n* ACCOUNT,a,100.00,0.00,0.00\n");
    assert!(world.execute("[3] COMMIT_BUY,a").starts_with("[3] ERR,NO_PENDING_BUY,"));
}

#[test]
fn a_commit_succeeds_until_the_order_expires() {
    for (at_ms, want) in [(60_999, "OK,COMMIT_BUY"), (61_000, "ERR,NO_PENDING_BUY")] {
        let mut world = World::new();
        world.execute("[1] ADD,a,100\n[2] BUY,a,S,50");
        world.deliver_quote("S", 1_000, None);
        world.round();
        world.now_ms = at_ms;
        assert!(world.execute("[3] COMMIT_BUY,a").contains(want), "{at_ms}");
    }
}

#[test]
fn a_clock_that_steps_back_changes_nothing() {
    let mut world = World::new();
    world.execute("[1] ADD,a,100\n[2] BUY,a,S,50");
    world.deliver_quote("S", 1_000, None);
    world.round();
    world.now_ms = 30_000;
    world.round();
    world.now_ms = 5;
    assert!(
        world.execute("[3] BUY,a,S,10").contains(",90000\n"),
        "the round keeps the latest time it has seen"
    );
    assert!(
        world
            .execute("[4] COMMIT_BUY,a\n[5] COMMIT_BUY,a")
            .lines()
            .all(|line| line.contains("OK,COMMIT_BUY"))
    );
}

#[test]
fn ten_thousand_triggers_fire_in_slices_and_once_each() {
    let mut world = World::new();
    let count = 10_000;
    let lines: Vec<String> = (0..count)
        .flat_map(|n| {
            [
                format!("[{}] ADD,u{n},10", 3 * n + 1),
                format!("[{}] SET_BUY_AMOUNT,u{n},S,10", 3 * n + 2),
                format!("[{}] SET_BUY_TRIGGER,u{n},S,5", 3 * n + 3),
            ]
        })
        .collect();
    world.deliver_quote("S", 900, None);
    world.send(&lines.join("\n"));
    while world.shard.has_work() {
        world.round();
    }
    assert_eq!(world.shard.book().triggers().len() as u64, count);
    world.deliver_quote("S", 500, None);
    take_replies(&world.outbox);
    // Other users are answered between the slices, and a trigger that is cancelled before its slice
    // does not fire.
    let last = format!("u{}", count - 1);
    let replies = world.execute(&format!("[1] CANCEL_SET_BUY,{last},S\n[2] ADD,other,1"));
    assert_eq!(replies, "[1] OK,CANCEL_SET_BUY,S,10.00\n[2] OK,ADD,1.00\n");
    let left = count as usize - FIRED_IN_ROUND_MAX - 1;
    assert_eq!(
        world.shard.book().triggers().len(),
        left,
        "the number of fills in a round is limited"
    );
    while world.shard.has_work() {
        world.round();
    }
    let filled = |world: &World| {
        world.records().iter().filter(|record| matches!(record, Record::Filled { .. })).count()
            as u64
    };
    assert_eq!(filled(&world), count - 1);
    assert!(world.shard.book().triggers().is_empty() && !world.shard.has_work());
}
