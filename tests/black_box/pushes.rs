//! Lines that the server sends without a request.

use crate::harness::Daemon;
use tempfile::tempdir;

/// Takes a minute, because the order expires by the real clock.
#[test]
fn a_pending_order_expires_after_sixty_seconds() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--quotes", "simulated:7:frozen"]);
    let mut client = server.connect();
    client.ask("ADD,alice,100");
    client.ask("SUBSCRIBE,alice");
    client.send("[1] BUY,alice,S,60\n");
    let bought = client.line();
    let expires_ms: u64 = bought.rsplit_once(',').unwrap().1.parse().unwrap();
    assert_eq!(order(&client.line()), "alice 1 BUY,S,60.00,OK");
    assert_eq!(client.line(), "* ACCOUNT,alice,44.54,55.46,0.00");
    assert_eq!(client.line(), "* EXPIRED,alice,BUY,S,2,27.73,55.46");
    let now_ms = server_time_ms(&server);
    assert!(
        now_ms >= expires_ms && now_ms < expires_ms + 5_000,
        "expired at {now_ms}, expected at {expires_ms}"
    );
    assert_eq!(client.line(), "* ACCOUNT,alice,100.00,0.00,0.00");
    assert!(client.ask("COMMIT_BUY,alice").starts_with("ERR,NO_PENDING_BUY,"));
}

/// Returns an ORDER line without its time, which is checked to be one.
fn order(line: &str) -> String {
    let fields: Vec<&str> = line.splitn(5, ',').collect();
    let [name, user, at_ms, number, rest] = fields[..] else { panic!("{line}") };
    assert_eq!(name, "* ORDER");
    assert!(at_ms.parse::<u64>().unwrap() > 1_600_000_000_000, "{line}");
    format!("{user} {number} {rest}")
}

/// Returns the server's time in Unix milliseconds, from the quote of a symbol not requested before.
fn server_time_ms(server: &Daemon) -> u64 {
    server.connect().ask("QUOTE,bob,ZZZ").split(',').nth(4).unwrap().parse().unwrap()
}

#[test]
fn a_subscriber_receives_changes_caused_by_any_connection() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--quotes", "simulated:7:frozen"]);
    let mut subscriber = server.connect();
    assert_eq!(subscriber.ask("SUBSCRIBE,alice"), "OK,SUBSCRIBE,alice");
    let mut trader = server.connect();
    trader.ask("COMMIT_BUY,alice");
    assert_eq!(order(&subscriber.line()), "alice 1 COMMIT_BUY,,,NO_ACCOUNT", "refused");
    trader.ask("[70] ADD,alice,100");
    assert_eq!(order(&subscriber.line()), "alice 70 ADD,,100.00,OK");
    assert_eq!(subscriber.line(), "* ACCOUNT,alice,100.00,0.00,0.00");
    trader.ask("[71] BUY,alice,S,x");
    assert_eq!(order(&subscriber.line()), "alice 71 BUY,S,,BAD_AMOUNT", "not parsed");
    trader.ask("QUOTE,alice,S");
    trader.ask("DISPLAY_SUMMARY,alice");
    trader.ask("[72] SET_BUY_AMOUNT,alice,S,60");
    assert_eq!(order(&subscriber.line()), "alice 72 SET_BUY_AMOUNT,S,60.00,OK");
    assert_eq!(subscriber.line(), "* ACCOUNT,alice,40.00,60.00,0.00");
    trader.ask("[73] SET_BUY_TRIGGER,alice,S,30");
    assert_eq!(order(&subscriber.line()), "alice 73 SET_BUY_TRIGGER,S,30.00,OK");
    assert_eq!(subscriber.line(), "* ACCOUNT,alice,40.00,60.00,0.00", "armed");
    assert_eq!(subscriber.line(), "* FILLED,alice,BUY,S,2,27.73,55.46");
    assert_eq!(subscriber.line(), "* ACCOUNT,alice,44.54,0.00,0.00");
    assert_eq!(subscriber.ask("UNSUBSCRIBE,alice"), "OK,UNSUBSCRIBE,alice");
    trader.ask("ADD,alice,100");
    assert_eq!(subscriber.ask("PING"), "OK,PING");
}

#[test]
fn a_watch_pushes_the_cached_price_and_fetches_a_missing_one() {
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
    assert_eq!(second.line(), price, "the cached price");
    assert_eq!(client.ask("UNWATCH,S"), "OK,UNWATCH,S");
}

/// Its connection would otherwise never be idle.
#[test]
fn a_refused_subscription_does_not_keep_a_connection_open() {
    let folder = tempdir().unwrap();
    let args = ["--quotes", "simulated:7:frozen", "--idle-timeout", "2"];
    let server = Daemon::start(folder.path(), &args);
    let mut subscribers: Vec<_> = (0..64).map(|_| server.connect()).collect();
    for subscriber in &mut subscribers {
        assert_eq!(subscriber.ask("SUBSCRIBE,alice"), "OK,SUBSCRIBE,alice");
    }
    let mut refused = server.connect();
    assert!(refused.ask("SUBSCRIBE,alice").starts_with("ERR,LIMIT_EXCEEDED,"));
    assert_eq!(refused.line(), "* BYE,IDLE");
    assert_eq!(subscribers[0].ask("PING"), "OK,PING", "who listens is not idle");
    assert_eq!(subscribers[1].ask("UNSUBSCRIBE,alice"), "OK,UNSUBSCRIBE,alice");
    assert_eq!(subscribers[1].line(), "* BYE,IDLE");
}
