//! Quotes: the cache, failed fetches, and the prices that records name.

use super::*;

#[test]
fn a_price_is_cached_for_sixty_seconds_and_then_requested_again() {
    let mut world = World::new();
    world.execute("[1] QUOTE,a,S");
    world.deliver_quote("S", 1_000, Some(("a", 1)));
    assert_eq!(world.round(), "[1] OK,QUOTE,S,10.00,1000,key\n");
    world.quote_requests();
    world.now_ms += 60_000;
    assert_eq!(world.execute("[2] QUOTE,a,S"), "[2] OK,QUOTE,S,10.00,1000,key\n");
    world.now_ms += 1;
    assert_eq!(world.execute("[3] QUOTE,b,S"), "");
    assert_eq!(world.quote_requests(), ["want S for b #3"]);
}

#[test]
fn without_a_price_commands_are_refused_but_triggers_are_armed() {
    let mut world = World::new();
    world.execute(
        "[1] ADD,a,100\n[2] SET_BUY_AMOUNT,a,S,50\n[3] SET_BUY_TRIGGER,a,S,20\n[4] BUY,a,S,30",
    );
    world.shard.on_event(ShardEvent::Quote(QuoteEvent::Failed(Symbol::parse(b"S").unwrap())));
    let replies = world.round();
    assert_eq!(replies, "[3] OK,SET_BUY_TRIGGER,S,50.00,20.00\n");
    assert_eq!(world.quote_requests(), ["want S for a #3", "want S for a #4", "interest S true"]);
    world.shard.on_event(ShardEvent::Quote(QuoteEvent::Failed(Symbol::parse(b"S").unwrap())));
    assert!(world.round().starts_with("[4] ERR,QUOTE_UNAVAILABLE,"));
    world.deliver_quote("S", 2_000, None);
    world.round();
    assert!(world.execute("[5] DISPLAY_SUMMARY,a").contains("[5]-HOLDING,S,2,0,40.00\n"));
    assert_eq!(world.quote_requests(), ["interest S false"]);
}

#[test]
fn a_price_fetched_by_a_refresh_counts_as_cached_for_every_command() {
    let mut world = World::new();
    world.execute("[1] ADD,h,100");
    world.deliver_quote("X", 1_000, Some(("h", 20)));
    world.execute("[20] QUOTE,h,X");
    let price_used = world.records().into_iter().find_map(|record| match record {
        Record::Transaction { number: 20, price, .. } => price,
        _ => None,
    });
    assert!(price_used.unwrap().cached);
}

/// The server does not assign a number twice, also after a recovery.
#[test]
fn a_price_fetched_for_a_watcher_takes_a_request_number() {
    let mut world = World::new();
    world.execute("[1] ADD,a,1");
    world.deliver_quote("S", 1_000, Some(("daytraded", 41)));
    world.round();
    let replayed = recover_shard(&store(&world.storage), 0, false).unwrap();
    assert_eq!((world.shard.book().assigned_max(), replayed.book.assigned_max()), (41, 41));
}
