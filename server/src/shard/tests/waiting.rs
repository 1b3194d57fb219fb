//! Commands that wait, and the order of their replies.

use super::*;

#[test]
fn waiting_for_a_price_does_not_delay_other_users() {
    let mut world = World::new();
    let replies = world.execute(
        "[1] ADD,a,100\n[2] ADD,b,100\n[3] BUY,a,S,50\n[4] ADD,a,1\n[5] ADD,b,1\n[6] BUY,b,S,50",
    );
    assert_eq!(replies, "[1] OK,ADD,100.00\n[2] OK,ADD,100.00\n[5] OK,ADD,101.00\n");
    assert_eq!(world.quote_requests(), ["want S for a #3"], "one request for all that wait");
    assert!(!world.shard.has_work());
    world.deliver_quote("S", 1_000, Some(("a", 3)));
    let replies = world.round();
    assert_eq!(
        replies,
        "[3] OK,BUY,S,5,10.00,50.00,61000\n[4] OK,ADD,51.00\n[6] OK,BUY,S,5,10.00,50.00,61000\n"
    );
    let cached: Vec<_> = world
        .records()
        .iter()
        .filter_map(|record| match record {
            Record::Transaction { number, price: Some(used), .. } => Some((*number, used.cached)),
            _ => None,
        })
        .collect();
    assert_eq!(
        cached,
        [(3, false), (6, true)],
        "only the command that caused the fetch did not use the cache"
    );
    assert_eq!(world.records().iter().filter(|record| matches!(record, Record::Hit(_))).count(), 1);
    assert_eq!(world.outbox.load().flow.in_flight, 0);
}

#[test]
fn a_dump_waits_for_its_record_and_delays_only_its_user() {
    let mut world = World::new();
    assert_eq!(
        world.execute("[1] ADD,a,1\n[2] DUMPLOG,a,./x\n[3] ADD,a,2\n[4] ADD,b,3"),
        "[1] OK,ADD,1.00\n[4] OK,ADD,3.00\n"
    );
    let request = world.dumps.try_recv().unwrap();
    assert_eq!(request.record, 2);
    let result = Err(Refusal::DumpFailed("no space".into()));
    world.shard.on_event(ShardEvent::DumpDone(Box::new(DumpDone { dump: request.dump, result })));
    assert_eq!(
        world.round(),
        "[2] ERR,DUMP_FAILED,the log could not be written: no space\n[3] OK,ADD,3.00\n"
    );
    let summary = world.execute("[5] DISPLAY_SUMMARY,a");
    assert!(!summary.contains("DUMPLOG"), "it only reads the account: {summary}");
    assert!(
        world.records().iter().any(|record| matches!(record, Record::DumpFailed { number: 2, .. }))
    );
}

#[test]
fn a_stopping_shard_refuses_commands_that_would_wait() {
    let mut world = World::new();
    world.execute("[1] ADD,a,100\n[2] BUY,a,S,10\n[3] ADD,a,1");
    world.shard.on_event(ShardEvent::Closing);
    assert!(world.shard.has_work());
    let replies = world.round();
    assert!(
        replies.lines().count() == 2
            && replies.lines().all(|line| line.contains("ERR,SHUTTING_DOWN,")),
        "{replies}"
    );
    assert!(world.execute("[4] BUY,a,S,10").starts_with("[4] ERR,SHUTTING_DOWN,"));
    assert!(world.execute("[5] ADD,a,1").starts_with("[5] ERR,SHUTTING_DOWN,"), "no hole");
    assert!(world.execute("[6] BUY,a,S,1").starts_with("[6] ERR,SHUTTING_DOWN,"), "no hole");
    assert_eq!(world.execute("[7] ADD,b,1"), "[7] OK,ADD,1.00\n");
}

#[test]
fn a_dump_in_progress_is_answered_before_what_is_turned_away_behind_it() {
    for fails in [false, true] {
        let mut world = World::new();
        world.execute("[1] ADD,a,100\n[2] DUMPLOG,a,x\n[3] ADD,a,1\n[4] ADD,a,2");
        let request = world.dumps.try_recv().unwrap();
        if fails {
            world.storage.fail_after(0, DiskFault::ForEver);
            world.send("[5] ADD,b,1");
            assert!(world.shard.round(world.now_ms).is_err());
            assert!(take_replies(&world.outbox).starts_with("[5] ERR,READ_ONLY,"));
        } else {
            world.shard.on_event(ShardEvent::Closing);
            assert_eq!(world.round(), "");
        }
        let result = Ok(("x".into(), 1));
        let done = DumpDone { dump: request.dump, result };
        world.shard.on_event(ShardEvent::DumpDone(Box::new(done)));
        let replies = world.round();
        let tags: Vec<_> = replies.lines().map(|line| line.get(..3).unwrap()).collect();
        assert_eq!(tags, ["[2]", "[3]", "[4]"], "{replies}");
        assert_eq!(replies.matches("READ_ONLY").count(), if fails { 3 } else { 0 }, "{replies}");
    }
}

#[test]
fn replies_of_one_user_keep_their_order_over_connections_and_waits() {
    let mut world = World::new();
    let other: Arc<Outbox> = Arc::default();
    world.execute("[1] ADD,a,100\n[2] BUY,a,S,10");
    world.send_to(&other, "[7] QUOTE,a,T");
    world.send("[3] CANCEL_BUY,a");
    assert_eq!(world.round(), "");
    world.deliver_quote("S", 1_000, None);
    world.round();
    assert_eq!(take_replies(&other), "");
    world.deliver_quote("T", 2_000, None);
    assert_eq!(world.round(), "[3] OK,CANCEL_BUY,S,1,10.00,10.00\n");
    assert_eq!(take_replies(&other), "[7] OK,QUOTE,T,20.00,1000,key\n");
}
