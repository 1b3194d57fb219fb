//! Lines the server sends without being asked again.

use crate::harness::Daemon;
use tempfile::tempdir;

/// The one test that takes a minute: a pending order that really runs out, by the real clock.
#[test]
fn a_pending_order_runs_out_after_sixty_real_seconds() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--quotes", "simulated:7:frozen"]);
    let mut client = server.connect();
    client.ask("ADD,alice,100");
    client.ask("SUBSCRIBE,alice");
    client.send("[1] BUY,alice,S,60\n");
    let bought = client.line();
    let expires_ms: u64 = bought.rsplit_once(',').unwrap().1.parse().unwrap();
    assert_eq!(client.line(), "* ACCOUNT,alice,44.54,55.46,0.00");
    assert_eq!(client.line(), "* EXPIRED,alice,BUY,S,2,27.73,55.46");
    let quote = client_time(&server);
    assert!(
        quote >= expires_ms && quote < expires_ms + 5_000,
        "ran out at {quote}, was to at {expires_ms}"
    );
    assert_eq!(client.line(), "* ACCOUNT,alice,100.00,0.00,0.00");
    assert!(client.ask("COMMIT_BUY,alice").starts_with("ERR,NO_PENDING_BUY,"));
}

/// The server's time, from the quote of a symbol nobody has asked for yet.
fn client_time(server: &Daemon) -> u64 {
    server.connect().ask("QUOTE,bob,ZZZ").split(',').nth(4).unwrap().parse().unwrap()
}

#[test]
fn a_subscriber_hears_of_changes_whoever_caused_them() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--quotes", "simulated:7:frozen"]);
    let mut listener = server.connect();
    assert_eq!(listener.ask("SUBSCRIBE,alice"), "OK,SUBSCRIBE,alice");
    let mut trader = server.connect();
    trader.ask("ADD,alice,100");
    assert_eq!(listener.line(), "* ACCOUNT,alice,100.00,0.00,0.00");
    trader.ask("SET_BUY_AMOUNT,alice,S,60");
    assert_eq!(listener.line(), "* ACCOUNT,alice,40.00,60.00,0.00");
    trader.ask("SET_BUY_TRIGGER,alice,S,30");
    assert_eq!(listener.line(), "* ACCOUNT,alice,40.00,60.00,0.00", "armed");
    assert_eq!(listener.line(), "* FILLED,alice,BUY,S,2,27.73,55.46");
    assert_eq!(listener.line(), "* ACCOUNT,alice,44.54,0.00,0.00");
    assert_eq!(listener.ask("UNSUBSCRIBE,alice"), "OK,UNSUBSCRIBE,alice");
    trader.ask("ADD,alice,100");
    assert_eq!(listener.ask("PING"), "OK,PING");
}

#[test]
fn a_watcher_sees_the_price_that_is_there_and_is_fetched_one_that_is_not() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--quotes", "simulated:7:frozen"]);
    let mut client = server.connect();
    client.send("WATCH,S\n");
    assert_eq!(client.line(), "OK,WATCH,S");
    let price = client.line();
    assert!(price.starts_with("* QUOTE,S,27.73,"), "{price}");
    let mut second = server.connect();
    second.send("WATCH,S\n");
    assert_eq!(second.line(), "OK,WATCH,S");
    assert_eq!(second.line(), price, "the one in the cache");
    assert_eq!(client.ask("UNWATCH,S"), "OK,UNWATCH,S");
}
