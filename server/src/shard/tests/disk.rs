//! Restarts, failed writes and a full disk.

use super::*;
use crate::engine::{Event, Events, Known, Outcome};
use crate::journal::{FrameBuilder, Recovered};
use daytrade_protocol::{Command, Side};

#[test]
fn a_restart_restores_orders_and_triggers() {
    let mut world = World::new();
    world.execute(
        "[1] ADD,a,100\n[2] BUY,a,S,50\n[3] SET_BUY_AMOUNT,a,T,30\n[4] SET_BUY_TRIGGER,a,T,10",
    );
    world.deliver_quote("S", 1_000, None);
    world.deliver_quote("T", 2_000, None);
    world.round();
    let mut restarted = World::start_on(FaultDisk::with_files(world.storage.files()), 61_000);
    assert_eq!(restarted.quote_requests(), ["interest T true"]);
    let summary = restarted.execute("[5] DISPLAY_SUMMARY,a");
    assert!(
        summary.starts_with("[5]-ACCOUNT,a,70.00,30.00,0.00\n"),
        "the order expired while the server was down: {summary}"
    );
    restarted.deliver_quote("T", 900, None);
    restarted.round();
    assert!(
        restarted
            .execute("[6] DISPLAY_SUMMARY,a")
            .starts_with("[6]-ACCOUNT,a,73.00,0.00,0.00\n[6]-HOLDING,T,3,0,27.00\n")
    );
    let live: Vec<_> = restarted
        .shard
        .book()
        .accounts()
        .map(|(name, account)| (name.clone(), account.clone()))
        .collect();
    let mut replayed = Book::default();
    recover(&restarted.storage, 0, Start::First, false, |number, at, record| {
        let stamp = Stamp { record: number, at_ms: at };
        replayed.commit(&record, stamp, Known::Nothing, |_, _, _| {});
    })
    .unwrap();
    assert!(replayed.accounts().eq(live.iter().map(|(name, account)| (name, account))));
}

#[test]
fn after_a_failed_write_no_command_is_acknowledged() {
    let mut world = World::new();
    world.execute("[1] ADD,a,100");
    world.storage.fail_after(0, DiskFault::ForEver);
    world.send("[2] ADD,a,5\n[3] DISPLAY_SUMMARY,a");
    assert!(world.shard.round(world.now_ms).is_err());
    let replies = take_replies(&world.outbox);
    assert!(
        replies.lines().count() == 2 && replies.lines().all(|line| line.contains("ERR,READ_ONLY,")),
        "{replies}"
    );
    assert!(world.execute("[4] ADD,a,5").starts_with("[4] ERR,READ_ONLY,"));
    let restarted = World::start_on(FaultDisk::with_files(world.storage.files()), 2_000);
    let id = restarted.shard.book().id(&UserName::parse(b"a").unwrap()).unwrap();
    assert_eq!(restarted.shard.book().account(id).cash(), Money::from_cents(10_000));
}

#[test]
fn after_a_failed_write_waiting_commands_are_refused() {
    let mut world = World::new();
    world.execute("[1] ADD,a,100\n[2] ADD,b,100");
    world.execute("[3] BUY,a,S,10\n[4] ADD,a,1\n[5] DUMPLOG,b,./x");
    let running = world.dumps.try_recv().unwrap();
    world.storage.fail_after(0, DiskFault::ForEver);
    world.send("[6] ADD,c,5\n[7] DUMPLOG,./y");
    assert!(world.shard.round(world.now_ms).is_err());
    let replies = take_replies(&world.outbox);
    let mut tags: Vec<_> =
        replies.lines().map(|line| line.split_once(" ERR,READ_ONLY,").expect(line).0).collect();
    tags.sort_unstable();
    assert_eq!(tags, ["[3]", "[4]", "[6]", "[7]"]);
    let result = Ok(("x".into(), 1));
    world.shard.on_event(ShardEvent::DumpDone(Box::new(DumpDone { dump: running.dump, result })));
    assert!(world.round().starts_with("[5] ERR,READ_ONLY,"));
    assert_eq!((world.outbox.load().flow.in_flight, world.shard.next_due_ms()), (0, None));
}

#[test]
fn a_full_disk_answers_reads_and_recovers_without_a_restart() {
    let mut world = World::new();
    world.execute("[1] ADD,a,100\n[2] QUOTE,a,S\n[3] SET_BUY_AMOUNT,a,T,50");
    world.deliver_quote("S", 1_000, Some(("a", 2)));
    world.round();
    world.execute("[4] SET_BUY_TRIGGER,a,T,20\n[5] BUY,a,S,20");
    world.deliver_quote("T", 3_000, Some(("a", 4)));
    world.round();
    world.quote_requests();
    world.storage.set_free_bytes(FREE_BYTES_MIN - 1);
    let records = world.records().len();
    let replies = world.execute(
        "[7] ADD,a,1\n[8] QUOTE,a,S\n[9] QUOTE,a,X\n[10] DISPLAY_SUMMARY,a\n\
         [11] DISPLAY_SUMMARY,unknown",
    );
    let lines: Vec<_> = replies.lines().filter(|line| !line.contains('-')).collect();
    assert!(lines[0].starts_with("[7] ERR,READ_ONLY,the disk is almost full"), "{replies}");
    assert!(
        lines[1].starts_with("[8] OK,QUOTE,S,10.00,") && lines[2].starts_with("[9] ERR,READ_ONLY,"),
        "{replies}"
    );
    assert!(
        replies.contains("[10]-ACCOUNT,a,30.00,70.00,0.00\n")
            && replies.contains("[11] ERR,READ_ONLY"),
        "a refusal by a rule would have to be in the log: {replies}"
    );
    assert_eq!(world.quote_requests(), ["pause true"], "a fetched quote would need a record");
    // Triggers that the price would fire and the expiry of orders are also postponed.
    world.deliver_quote("T", 1_500, None);
    world.now_ms += 60_000;
    assert_eq!(world.round(), "");
    assert_eq!(world.records().len(), records);
    assert!(
        !world.shard.has_work() && world.shard.next_due_ms() == Some(world.now_ms + 500),
        "the shard sleeps until the next check of the free space"
    );
    world.storage.set_free_bytes(FREE_BYTES_MIN);
    world.now_ms += 500;
    world.round();
    assert_eq!(world.quote_requests()[0], "pause false");
    let replies = world.execute("[12] DISPLAY_SUMMARY,a");
    assert!(
        replies.contains("-ACCOUNT,a,55.00,0.00,0.00\n"),
        "the order expired and the trigger bought 3 at 15.00: {replies}"
    );
    assert!(replies.contains("-HOLDING,T,3,0,45.00\n"), "{replies}");
}

#[test]
fn a_disk_that_fills_up_and_then_disappears_is_not_taken_for_one_with_space() {
    let mut world = World::new();
    world.execute("[1] ADD,a,100\n[2] SET_BUY_AMOUNT,a,T,50");
    world.quote_requests();
    world.storage.set_free_bytes(FREE_BYTES_MIN - 1);
    world.now_ms += 500;
    world.round();
    assert_eq!(world.quote_requests(), ["pause true"]);
    world.storage.fail_free_bytes();
    world.now_ms += 500;
    world.send("[3] ADD,a,1");
    assert!(world.shard.round(world.now_ms).is_err());
    assert!(take_replies(&world.outbox).starts_with("[3] ERR,READ_ONLY,"));
    assert!(world.quote_requests().is_empty(), "no quote may be bought that cannot be recorded");
}

/// Only a defect can write such records, with correct checksums. Recovery names them: an overflow
/// would end the process without a word.
#[test]
fn records_that_do_not_fit_the_accounts_are_refused() {
    let add = |amount: i64| {
        let (user, amount) = (UserName::parse(b"a").unwrap(), Money::from_cents(amount));
        let event = Event::CashAdded { amount };
        let command = Command::Add { user, amount };
        let outcome = Outcome::Done(Events::from_iter([event]));
        Record::Transaction { number: 1, assigned: false, command, price: None, outcome }
    };
    let user = UserName::parse(b"a").unwrap();
    let symbol = Symbol::parse(b"S").unwrap();
    let sold = |shares| {
        let (price, total, basis) = (Money::ZERO, Money::ZERO, Money::ZERO);
        let (side, number, amount) = (Side::Sell, 1, Money::ZERO);
        let event = Event::Filled { side, symbol, shares, price, total, amount, basis, number };
        Record::Filled { user: user.clone(), event }
    };
    for (records, unfit) in [
        (vec![add(5), add(7)], None),
        (vec![add(5), add(i64::MAX)], Some("record 2")),
        (vec![add(-7), add(i64::MIN)], Some("record 2")),
        (vec![add(5), sold(0), sold(1)], Some("record 3")),
    ] {
        let storage = FaultDisk::default();
        let (log, end) = (store(&storage), Recovered::default());
        let log = log.open(&end).unwrap();
        let mut writer = JournalWriter::new(log, 0, SyncMode::Always, &end, Positions::default());
        let mut frame = FrameBuilder::default();
        for record in &records {
            frame.push(record, None);
        }
        writer.commit(&mut frame, 1_000).unwrap();
        let before = storage.files();
        let refused = recover_shard(&store(&storage), 0, true).err().map(|error| error.to_string());
        match unfit {
            None => assert_eq!(refused, None),
            Some(record) => {
                let refused = refused.expect("the start is refused");
                assert!(refused.contains(record) && refused.contains("does not fit"), "{refused}");
                assert_eq!(storage.files(), before);
            }
        }
    }
}
