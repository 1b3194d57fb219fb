//! A shard without thread, clock or disk: every moment is given to it.

use super::*;
use crate::engine::{Book, Hit, Record, Stamp};
use crate::journal::{
    DiskFault, FaultDisk, FileOptions, FileStore, JournalWriter, LogStore as _, Positions,
    SnapshotEvent, SnapshotJob, SnapshotKeeper, SnapshotPiece, Start, SyncMode, recover,
};
use crate::limits::{FIRED_IN_ROUND_MAX, SNAPSHOT_RECORDS_MIN};
use crate::message::{
    Batch, DumpDone, DumpRequest, Job, Quote, QuoteEvent, QuoteRequest, ReplyTarget, ReplyTo,
    ShardEvent, Work,
};
use crate::session::Outbox;
use daytrade_protocol::{Body, Money, Parsed, Refusal, Symbol, UserName, parse_line};
use std::sync::Arc;
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// The log of these tests.
fn store(storage: &FaultDisk) -> FileStore {
    let options =
        FileOptions { segment_bytes_max: 1 << 26, free_bytes_min: ROOM, fill_bytes: 1 << 13 };
    FileStore::new(Arc::new(storage.clone()), 0, options)
}

/// What the shards of these tests keep free on their disks.
const ROOM: u64 = 1 << 20;

struct World {
    shard: Shard,
    storage: FaultDisk,
    wants: UnboundedReceiver<QuoteRequest>,
    dumps: UnboundedReceiver<DumpRequest>,
    pieces: UnboundedReceiver<SnapshotJob>,
    outbox: Arc<Outbox>,
    now_ms: u64,
}

impl World {
    fn new() -> Self {
        Self::on(FaultDisk::default(), 1_000)
    }

    /// A shard started on what a disk holds.
    fn on(storage: FaultDisk, now_ms: u64) -> Self {
        Self::with_snapshots(storage, now_ms, SNAPSHOT_RECORDS_MIN)
    }

    fn with_snapshots(storage: FaultDisk, now_ms: u64, snapshot_every: u64) -> Self {
        let store = store(&storage);
        let recovered = recover_shard(&store, 0, true).unwrap();
        let log = store.open(&recovered.end).unwrap();
        let end = &recovered.end;
        let journal = JournalWriter::new(log, 0, SyncMode::Always, end, Positions::default());
        let ((quotes, wants), (dumps, dump_requests)) =
            (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let (snapshots, pieces) = mpsc::unbounded_channel();
        let handles = ShardHandles { quotes, dumps, snapshots };
        let every = snapshot_every;
        let mut shard = Shard::new(0, recovered, journal, handles, Arc::default(), every);
        shard.announce_interest();
        Self { shard, storage, wants, dumps: dump_requests, pieces, outbox: Arc::default(), now_ms }
    }

    fn send(&mut self, lines: &str) {
        let outbox = Arc::clone(&self.outbox);
        self.send_to(&outbox, lines);
    }

    fn send_to(&mut self, outbox: &Arc<Outbox>, lines: &str) {
        let job = |line: &str| match parse_line(line.as_bytes()) {
            Parsed::Request(request) => {
                let tag = request.tag.unwrap();
                let Body::Command(command) = request.body else { panic!("{line}") };
                Job {
                    to: ReplyTo::Tagged(tag),
                    number: tag.get(),
                    assigned: false,
                    work: Work::Command(command),
                }
            }
            other => panic!("{other:?}"),
        };
        let jobs: Vec<Job> = lines.lines().map(job).collect();
        outbox.begin(jobs.len(), 0);
        self.shard.accept(Batch { target: ReplyTarget::new(Arc::clone(outbox)), jobs });
    }

    fn round(&mut self) -> String {
        self.shard.round(self.now_ms).unwrap();
        said(&self.outbox)
    }

    fn ask(&mut self, lines: &str) -> String {
        self.send(lines);
        self.round()
    }

    fn wanted(&mut self) -> Vec<String> {
        let mut wanted = Vec::new();
        while let Ok(request) = self.wants.try_recv() {
            wanted.push(match request {
                QuoteRequest::Want { symbol, user, number, .. } => {
                    format!("want {symbol} for {user} #{number}")
                }
                QuoteRequest::Interest { symbol, asker, .. } => {
                    format!("interest {symbol} {}", asker.is_some())
                }
                QuoteRequest::Pause { paused, .. } => format!("pause {paused}"),
                other => panic!("{other:?}"),
            });
        }
        wanted
    }

    fn arrives(&mut self, symbol: &str, cents: i64, hit: Option<(&str, u64)>) {
        let symbol = Symbol::parse(symbol.as_bytes()).unwrap();
        let price = Money::from_cents(cents);
        let quote = Quote { symbol, price, arrived_ms: self.now_ms, key: "key".into() };
        let hit = hit.map(|(user, number)| {
            let user = UserName::parse(user.as_bytes()).unwrap();
            Hit { number, user, symbol, price, source_time_ms: 1, key: "key".into() }
        });
        self.shard.on_event(ShardEvent::Quote(QuoteEvent::Arrived(quote, hit)));
    }

    fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        recover(&self.storage, 0, Start::First, false, |_, _, record| records.push(record))
            .unwrap();
        records
    }
}

fn said(outbox: &Outbox) -> String {
    String::from_utf8(outbox.take().into_iter().flatten().collect()).unwrap()
}

#[test]
fn a_user_who_waits_for_a_price_holds_up_nobody_else() {
    let mut world = World::new();
    let said = world.ask(
        "[1] ADD,a,100\n[2] ADD,b,100\n[3] BUY,a,S,50\n[4] ADD,a,1\n[5] ADD,b,1\n[6] BUY,b,S,50",
    );
    assert_eq!(said, "[1] OK,ADD,100.00\n[2] OK,ADD,100.00\n[5] OK,ADD,101.00\n");
    assert_eq!(world.wanted(), ["want S for a #3"], "once, however many wait");
    assert!(!world.shard.has_work());
    world.arrives("S", 1_000, Some(("a", 3)));
    let said = world.round();
    assert_eq!(
        said,
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
    assert_eq!(cached, [(3, false), (6, true)], "only who caused the fetch did not use the cache");
    assert_eq!(world.records().iter().filter(|record| matches!(record, Record::Hit(_))).count(), 1);
    assert_eq!(world.outbox.load().flow.in_flight, 0);
}

#[test]
fn a_price_is_good_for_sixty_seconds_and_then_asked_for_again() {
    let mut world = World::new();
    world.ask("[1] QUOTE,a,S");
    world.arrives("S", 1_000, Some(("a", 1)));
    assert_eq!(world.round(), "[1] OK,QUOTE,S,10.00,1000,key\n");
    world.wanted();
    world.now_ms += 60_000;
    assert_eq!(world.ask("[2] QUOTE,a,S"), "[2] OK,QUOTE,S,10.00,1000,key\n");
    world.now_ms += 1;
    assert_eq!(world.ask("[3] QUOTE,b,S"), "");
    assert_eq!(world.wanted(), ["want S for b #3"]);
}

#[test]
fn without_a_price_commands_are_refused_and_triggers_are_armed_all_the_same() {
    let mut world = World::new();
    world.ask(
        "[1] ADD,a,100\n[2] SET_BUY_AMOUNT,a,S,50\n[3] SET_BUY_TRIGGER,a,S,20\n[4] BUY,a,S,30",
    );
    world.shard.on_event(ShardEvent::Quote(QuoteEvent::Failed(Symbol::parse(b"S").unwrap())));
    let said = world.round();
    assert_eq!(said, "[3] OK,SET_BUY_TRIGGER,S,50.00,20.00\n");
    assert_eq!(world.wanted(), ["want S for a #3", "want S for a #4", "interest S true"]);
    world.shard.on_event(ShardEvent::Quote(QuoteEvent::Failed(Symbol::parse(b"S").unwrap())));
    assert!(world.round().starts_with("[4] ERR,QUOTE_UNAVAILABLE,"));
    world.arrives("S", 2_000, None);
    world.round();
    assert!(world.ask("[5] DISPLAY_SUMMARY,a").contains("[5]-HOLDING,S,2,0,40.00\n"));
    assert_eq!(world.wanted(), ["interest S false"]);
}

#[test]
fn an_order_runs_out_by_itself_at_exactly_sixty_seconds_and_is_told() {
    let mut world = World::new();
    world.ask("[1] ADD,a,100\n[2] BUY,a,S,50");
    let outbox = Arc::clone(&world.outbox);
    let user = UserName::parse(b"a").unwrap();
    let job = Job { to: ReplyTo::Nobody, number: 1, assigned: false, work: Work::Subscribe(user) };
    world.shard.accept(Batch { target: ReplyTarget::new(outbox), jobs: vec![job] });
    world.arrives("S", 1_000, None);
    // The round's own order: waiting commands first, so the subscription hears of nothing yet.
    assert_eq!(world.round(), "[2] OK,BUY,S,5,10.00,50.00,61000\n");
    assert_eq!(world.shard.next_due_ms(), Some(61_000));
    world.now_ms = 60_999;
    assert_eq!(world.round(), "");
    world.now_ms = 61_000;
    assert_eq!(world.round(), "* EXPIRED,a,BUY,S,5,10.00,50.00\n* ACCOUNT,a,100.00,0.00,0.00\n");
    assert!(world.ask("[3] COMMIT_BUY,a").starts_with("[3] ERR,NO_PENDING_BUY,"));
}

#[test]
fn a_commit_at_the_last_moment_and_one_too_late() {
    for (at_ms, want) in [(60_999, "OK,COMMIT_BUY"), (61_000, "ERR,NO_PENDING_BUY")] {
        let mut world = World::new();
        world.ask("[1] ADD,a,100\n[2] BUY,a,S,50");
        world.arrives("S", 1_000, None);
        world.round();
        world.now_ms = at_ms;
        assert!(world.ask("[3] COMMIT_BUY,a").contains(want), "{at_ms}");
    }
}

#[test]
fn a_clock_that_steps_back_changes_nothing() {
    let mut world = World::new();
    world.ask("[1] ADD,a,100\n[2] BUY,a,S,50");
    world.arrives("S", 1_000, None);
    world.round();
    world.now_ms = 30_000;
    world.round();
    world.now_ms = 5;
    assert!(
        world.ask("[3] BUY,a,S,10").contains(",90000\n"),
        "stamped with the time already reached"
    );
    assert!(
        world
            .ask("[4] COMMIT_BUY,a\n[5] COMMIT_BUY,a")
            .lines()
            .all(|line| line.contains("OK,COMMIT_BUY"))
    );
}

#[test]
fn a_restart_goes_on_with_orders_and_triggers() {
    let mut world = World::new();
    world.ask(
        "[1] ADD,a,100\n[2] BUY,a,S,50\n[3] SET_BUY_AMOUNT,a,T,30\n[4] SET_BUY_TRIGGER,a,T,10",
    );
    world.arrives("S", 1_000, None);
    world.arrives("T", 2_000, None);
    world.round();
    let mut again = World::on(FaultDisk::with_files(world.storage.files()), 61_000);
    assert_eq!(again.wanted(), ["interest T true"]);
    let summary = again.ask("[5] DISPLAY_SUMMARY,a");
    assert!(
        summary.starts_with("[5]-ACCOUNT,a,70.00,30.00,0.00\n"),
        "ran out while the server was down: {summary}"
    );
    again.arrives("T", 900, None);
    again.round();
    assert!(
        again
            .ask("[6] DISPLAY_SUMMARY,a")
            .starts_with("[6]-ACCOUNT,a,73.00,0.00,0.00\n[6]-HOLDING,T,3,0,27.00\n")
    );
    let live: Vec<_> = again
        .shard
        .book()
        .accounts()
        .map(|(name, account)| (name.clone(), account.clone()))
        .collect();
    let mut replayed = Book::default();
    recover(&again.storage, 0, Start::First, false, |number, at, record| {
        let stamp = Stamp { record: number, at_ms: at };
        replayed.commit(&record, stamp, None, |_, _, _| {});
    })
    .unwrap();
    assert!(replayed.accounts().eq(live.iter().map(|(name, account)| (name, account))));
}

#[test]
fn ten_thousand_triggers_fire_in_slices_each_once() {
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
    world.arrives("S", 900, None);
    world.send(&lines.join("\n"));
    while world.shard.has_work() {
        world.round();
    }
    assert_eq!(world.shard.book().triggers().len() as u64, count);
    world.arrives("S", 500, None);
    said(&world.outbox);
    // Others are answered between the slices, and a trigger that is called off before its slice
    // comes never fires.
    let last = format!("u{}", count - 1);
    let told = world.ask(&format!("[1] CANCEL_SET_BUY,{last},S\n[2] ADD,other,1"));
    assert_eq!(told, "[1] OK,CANCEL_SET_BUY,S,10.00\n[2] OK,ADD,1.00\n");
    let left = count as usize - FIRED_IN_ROUND_MAX - 1;
    assert_eq!(world.shard.book().triggers().len(), left, "a round is bounded");
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

#[test]
fn a_dump_waits_for_its_record_and_holds_up_only_its_user() {
    let mut world = World::new();
    assert_eq!(
        world.ask("[1] ADD,a,1\n[2] DUMPLOG,a,./x\n[3] ADD,a,2\n[4] ADD,b,3"),
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
    let summary = world.ask("[5] DISPLAY_SUMMARY,a");
    assert!(
        summary.contains(",2,DUMPLOG,,,DUMP_FAILED\n") && !summary.contains("DUMPLOG,,,OK"),
        "{summary}"
    );
    assert!(
        world.records().iter().any(|record| matches!(record, Record::DumpFailed { number: 2, .. }))
    );
}

#[test]
fn when_the_disk_fails_nothing_is_said_to_have_happened() {
    let mut world = World::new();
    world.ask("[1] ADD,a,100");
    world.storage.fail_after(0, DiskFault::ForEver);
    world.send("[2] ADD,a,5\n[3] DISPLAY_SUMMARY,a");
    assert!(world.shard.round(world.now_ms).is_err());
    let answers = said(&world.outbox);
    assert!(
        answers.lines().count() == 2 && answers.lines().all(|line| line.contains("ERR,READ_ONLY,")),
        "{answers}"
    );
    assert!(world.ask("[4] ADD,a,5").starts_with("[4] ERR,READ_ONLY,"));
    let back = World::on(FaultDisk::with_files(world.storage.files()), 2_000);
    let id = back.shard.book().id(&UserName::parse(b"a").unwrap()).unwrap();
    assert_eq!(back.shard.book().account(id).cash(), Money::from_cents(10_000));
}

#[test]
fn whoever_waits_when_the_disk_fails_is_told_too() {
    let mut world = World::new();
    world.ask("[1] ADD,a,100\n[2] ADD,b,100");
    world.ask("[3] BUY,a,S,10\n[4] ADD,a,1\n[5] DUMPLOG,b,./x");
    let running = world.dumps.try_recv().unwrap();
    world.storage.fail_after(0, DiskFault::ForEver);
    world.send("[6] ADD,c,5\n[7] DUMPLOG,./y");
    assert!(world.shard.round(world.now_ms).is_err());
    let told = said(&world.outbox);
    let mut tags: Vec<_> =
        told.lines().map(|line| line.split_once(" ERR,READ_ONLY,").expect(line).0).collect();
    tags.sort_unstable();
    assert_eq!(tags, ["[3]", "[4]", "[6]", "[7]"]);
    let result = Ok(("x".into(), 1));
    world.shard.on_event(ShardEvent::DumpDone(Box::new(DumpDone { dump: running.dump, result })));
    assert!(world.round().starts_with("[5] ERR,READ_ONLY,"));
    assert_eq!((world.outbox.load().flow.in_flight, world.shard.next_due_ms()), (0, None));
}

#[test]
fn a_stopping_shard_makes_nobody_wait() {
    let mut world = World::new();
    world.ask("[1] ADD,a,100\n[2] BUY,a,S,10\n[3] ADD,a,1");
    world.shard.on_event(ShardEvent::Closing);
    assert!(world.shard.has_work());
    let told = world.round();
    assert!(
        told.lines().count() == 2 && told.lines().all(|line| line.contains("ERR,SHUTTING_DOWN,")),
        "{told}"
    );
    assert!(world.ask("[4] BUY,a,S,10").starts_with("[4] ERR,SHUTTING_DOWN,"));
    assert_eq!(world.ask("[5] ADD,a,1"), "[5] OK,ADD,101.00\n");
}

#[test]
fn a_price_fetched_to_keep_a_symbol_fresh_is_the_caches_for_everybody() {
    let mut world = World::new();
    world.ask("[1] ADD,h,100");
    world.arrives("X", 1_000, Some(("h", 20)));
    world.ask("[20] QUOTE,h,X");
    let used = world.records().into_iter().find_map(|record| match record {
        Record::Transaction { number: 20, price, .. } => price,
        _ => None,
    });
    assert!(used.unwrap().cached);
}

#[test]
fn replies_of_one_user_keep_their_order_over_connections_and_waits() {
    let mut world = World::new();
    let other: Arc<Outbox> = Arc::default();
    world.ask("[1] ADD,a,100\n[2] BUY,a,S,10");
    world.send_to(&other, "[7] QUOTE,a,T");
    world.send("[3] CANCEL_BUY,a");
    assert_eq!(world.round(), "");
    world.arrives("S", 1_000, None);
    world.round();
    assert_eq!(said(&other), "");
    world.arrives("T", 2_000, None);
    assert_eq!(world.round(), "[3] OK,CANCEL_BUY,S,1,10.00,10.00\n");
    assert_eq!(said(&other), "[7] OK,QUOTE,T,20.00,1000,key\n");
}

#[test]
fn a_snapshot_is_of_one_moment_however_the_accounts_go_on() {
    let mut world = World::with_snapshots(FaultDisk::default(), 1_000, 20_000);
    let adds = |cents: u32| {
        let lines: Vec<_> = (0..10_000).map(|n| format!("[1] ADD,user{n},0.{cents:02}")).collect();
        lines.join("\n")
    };
    world.ask(&adds(1));
    assert!(world.pieces.try_recv().is_err(), "not yet due");
    world.ask(&adds(2));
    let at_begin = world.shard.book().state_hash();
    let keeper = parking_lot::Mutex::new(SnapshotKeeper::new(
        Arc::new(store(&world.storage)),
        0,
        None,
        Arc::default(),
    ));
    let (mut slices, mut changed) = (0, 0);
    while let Ok((_, piece)) = world.pieces.try_recv() {
        slices += usize::from(matches!(piece, SnapshotPiece::Slice(_)));
        let news = keeper.lock().take(piece).unwrap();
        // Accounts whose turn has come and others go on while it is written.
        world.ask(&format!(
            "[1] ADD,user{changed},5\n[2] ADD,user{},7\n[3] ADD,new{changed},1",
            9_999 - changed
        ));
        changed += 1;
        world.shard.on_event(ShardEvent::Snapshot(news));
    }
    assert!(slices > 1, "in slices");
    let name = "00000000000000020000.snapshot".to_owned();
    assert_eq!(world.storage.files().keys().last(), Some(&name), "named by its record");
    let live = world.shard.book().state_hash();
    assert_ne!(live, at_begin);
    let recovered = recover_shard(&store(&world.storage), 0, false).unwrap();
    assert_eq!(
        (recovered.snapshot_record, recovered.book.state_hash()),
        (20_000, live),
        "snapshot and tail"
    );
    let mut files = world.storage.files();
    files.remove(&name);
    let whole = recover_shard(&store(&FaultDisk::with_files(files)), 0, false).unwrap();
    assert_eq!((whole.snapshot_record, whole.book.state_hash()), (0, live), "the whole journal");
    assert_eq!(whole.end, recovered.end);
}

#[test]
fn a_full_disk_still_answers_reads_and_is_recovered_from_without_a_restart() {
    let mut world = World::new();
    world.ask("[1] ADD,a,100\n[2] QUOTE,a,S\n[3] SET_BUY_AMOUNT,a,T,50");
    world.arrives("S", 1_000, Some(("a", 2)));
    world.round();
    world.ask("[4] SET_BUY_TRIGGER,a,T,20\n[5] BUY,a,S,20");
    world.arrives("T", 3_000, Some(("a", 4)));
    world.round();
    world.wanted();
    world.storage.set_free_bytes(ROOM - 1);
    let records = world.records().len();
    let told = world.ask(
        "[7] ADD,a,1\n[8] QUOTE,a,S\n[9] QUOTE,a,X\n[10] DISPLAY_SUMMARY,a\n\
         [11] DISPLAY_SUMMARY,nobody",
    );
    let lines: Vec<_> = told.lines().filter(|line| !line.contains('-')).collect();
    assert!(lines[0].starts_with("[7] ERR,READ_ONLY,the disk is almost full"), "{told}");
    assert!(
        lines[1].starts_with("[8] OK,QUOTE,S,10.00,") && lines[2].starts_with("[9] ERR,READ_ONLY,"),
        "{told}"
    );
    assert!(
        told.contains("[10]-ACCOUNT,a,30.00,70.00,0.00\n") && told.contains("[11] ERR,NO_ACCOUNT"),
        "{told}"
    );
    assert_eq!(
        world.wanted(),
        ["pause true"],
        "and nothing is fetched that would have to be written down"
    );
    // A price that fires a trigger and an order that runs out wait as well.
    world.arrives("T", 1_500, None);
    world.now_ms += 60_000;
    assert_eq!(world.round(), "");
    assert_eq!(world.records().len(), records);
    assert!(
        !world.shard.has_work() && world.shard.next_due_ms() == Some(world.now_ms + 500),
        "it sleeps and looks again"
    );
    world.storage.set_free_bytes(ROOM);
    world.now_ms += 500;
    world.round();
    assert_eq!(world.wanted()[0], "pause false");
    let told = world.ask("[12] DISPLAY_SUMMARY,a");
    assert!(
        told.contains("-ACCOUNT,a,55.00,0.00,0.00\n"),
        "the order is back, the trigger bought 3 at 15.00: {told}"
    );
    assert!(told.contains("-HOLDING,T,3,0,45.00\n"), "{told}");
}

/// Numbers that the server gave are not given again, whichever way the accounts are recovered.
#[test]
fn a_price_fetched_for_a_watcher_uses_up_its_number() {
    let mut world = World::new();
    world.ask("[1] ADD,a,1");
    world.arrives("S", 1_000, Some((crate::engine::WATCHER, 41)));
    world.round();
    let replayed = recover_shard(&store(&world.storage), 0, false).unwrap();
    assert_eq!((world.shard.book().assigned_max(), replayed.book.assigned_max()), (41, 41));
}

#[test]
fn a_snapshot_gives_way_to_the_journal_and_leaves_nothing_behind() {
    let mut world = World::with_snapshots(FaultDisk::default(), 1_000, 2);
    world.ask("[1] ADD,a,1\n[2] ADD,a,1");
    let keeper = parking_lot::Mutex::new(SnapshotKeeper::new(
        Arc::new(store(&world.storage)),
        0,
        None,
        Arc::default(),
    ));
    let (_, begin) = world.pieces.try_recv().unwrap();
    assert_eq!(keeper.lock().take(begin).unwrap(), SnapshotEvent::More);
    assert!(world.storage.files().keys().any(|name| name.contains(".snapshot.tmp")));
    world.storage.set_free_bytes(ROOM - 1);
    world.round();
    world.shard.on_event(ShardEvent::Snapshot(SnapshotEvent::More));
    let (_, given_up) = world.pieces.try_recv().unwrap();
    assert_eq!(keeper.lock().take(given_up).unwrap(), SnapshotEvent::Failed);
    assert!(!world.storage.files().keys().any(|name| name.contains("snapshot")));
}

#[test]
fn a_journal_that_ends_before_a_snapshot_has_lost_something() {
    let mut world = World::new();
    world.ask("[1] ADD,a,1");
    let mut files = world.storage.files();
    files.insert("00000000000000000002.snapshot".to_owned(), b"damaged".to_vec());
    let refused =
        recover_shard(&store(&FaultDisk::with_files(files)), 0, true).err().unwrap().to_string();
    assert!(refused.contains("00000000000000000002.snapshot"), "{refused}");
}
