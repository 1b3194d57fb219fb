//! The legacy quote server: the project's stand-in, and a fake whose answers the test decides.

use crate::harness::{Daemon, Deadline, program, stat, workload};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use tempfile::tempdir;

/// A fake quote server. The test receives each request and supplies its answer.
struct FakeQuoteServer {
    /// Value for `--quotes`.
    source: String,
    requests: Receiver<String>,
    answers: Sender<String>,
}

impl FakeQuoteServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let source = format!("legacy:{}", listener.local_addr().unwrap());
        let ((forward, requests), (answers, next_answer)) = (channel(), channel::<String>());
        // The thread ends when the test drops its channels.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = String::new();
                BufReader::new(&stream).read_line(&mut request).unwrap();
                let Ok(()) = forward.send(request.trim_end().to_owned()) else { return };
                let Ok(answer) = next_answer.recv() else { return };
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { source, requests, answers }
    }

    /// Returns the next request line.
    fn request(&self) -> String {
        Deadline::new("quote request").receive(&self.requests).unwrap()
    }

    /// Answers the last request; an empty answer closes the connection.
    fn answer(&self, line: impl Into<String>) {
        self.answers.send(line.into()).unwrap();
    }

    /// Returns true if no request has arrived since the last one.
    fn is_idle(&self) -> bool {
        self.requests.try_recv().is_err()
    }
}

#[test]
fn a_symbol_is_fetched_once_and_its_price_has_the_servers_time() {
    let folder = tempdir().unwrap();
    let quotes = FakeQuoteServer::start();
    let server = Daemon::start(
        folder.path(),
        &["--quotes", &quotes.source, "--hedge-after", "0", "--shards", "2"],
    );
    let mut client = server.connect();
    client.send(
        "[1] ADD,alice,1000\n[2] BUY,alice,ABC,100\n[3] QUOTE,bob,ABC\n[4] QUOTE,carol,abc\n",
    );
    assert_eq!(client.line(), "[1] OK,ADD,1000.00");
    let request = quotes.request();
    assert!(["ABC,alice", "ABC,bob", "ABC,carol"].contains(&request.as_str()), "{request}");
    let user = request.split_once(',').unwrap().1;
    quotes.answer(format!("8.8,ABC,{user},12345,  c2lnbmF0dXJl  \n"));
    let mut lines: Vec<_> = (0..3).map(|_| client.line()).collect();
    lines.sort();
    assert!(lines[0].starts_with("[2] OK,BUY,ABC,11,8.80,96.80,"), "{lines:?}");
    for quote in &lines[1..] {
        let fields: Vec<_> = quote.split(',').collect();
        assert_eq!((fields[3], fields[5]), ("8.80", "c2lnbmF0dXJl"));
        assert!(
            fields[4].parse::<u64>().unwrap() > 1_700_000_000_000,
            "the server's time, not the source's: {quote}"
        );
    }
    assert_eq!(stat(&server, "quote_hits"), "1");
    assert!(quotes.is_idle());
    client.ask("DUMPLOG,log");
    let log = std::fs::read_to_string(folder.path().join("dumps/log")).unwrap();
    assert_eq!(log.matches("<quoteServer>").count(), 1);
    assert!(log.contains("<price>8.80</price><stockSymbol>ABC</stockSymbol>"), "{log}");
    assert!(
        log.contains("<quoteServerTime>12345</quoteServerTime><cryptokey>c2lnbmF0dXJl</cryptokey>")
    );
}

#[test]
fn no_price_is_fetched_for_a_command_refused_without_a_quote() {
    let folder = tempdir().unwrap();
    let quotes = FakeQuoteServer::start();
    let server = Daemon::start(folder.path(), &["--quotes", &quotes.source, "--hedge-after", "0"]);
    let replies = server.talk(
        "BUY,a,S,5\nADD,a,5\nBUY,a,S,6\nSELL,a,S,5\nSET_BUY_TRIGGER,a,S,5\n\
         SET_SELL_AMOUNT,a,S,5\nCOMMIT_BUY,a\n",
    );
    assert_eq!(replies.matches("ERR,").count(), 6);
    assert!(quotes.is_idle());
}

#[test]
fn malformed_and_empty_answers_are_quote_unavailable_and_triggers_are_still_armed() {
    let folder = tempdir().unwrap();
    let quotes = FakeQuoteServer::start();
    let server = Daemon::start(folder.path(), &["--quotes", &quotes.source, "--hedge-after", "0"]);
    let mut client = server.connect();
    client.ask("ADD,a,100");
    client.ask("SET_BUY_AMOUNT,a,T,50");
    for malformed in ["", "NA\n", "12.34\n", "-5,S,a,1,key\n", "5.00,X,a,1,key\n"] {
        client.send("BUY,a,S,50\n");
        assert_eq!(quotes.request(), "S,a");
        quotes.answer(malformed);
        assert!(client.line().starts_with("ERR,QUOTE_UNAVAILABLE,"), "{malformed:?}");
    }
    client.send("SET_BUY_TRIGGER,a,T,20\n");
    quotes.request();
    quotes.answer("NA\n");
    assert_eq!(client.line(), "OK,SET_BUY_TRIGGER,T,50.00,20.00");
    // A quote for another user fires the trigger.
    client.send("SUBSCRIBE,a\n");
    assert_eq!(client.line(), "OK,SUBSCRIBE,a");
    client.send("QUOTE,b,T\n");
    let request = quotes.request();
    quotes.answer(format!("19.5,T,{},1,key\n", request.split_once(',').unwrap().1));
    let mut lines = [client.line(), client.line(), client.line()];
    lines.sort();
    assert_eq!(lines[0], "* ACCOUNT,a,61.00,0.00,0.00");
    assert_eq!(lines[1], "* FILLED,a,BUY,T,2,19.50,39.00");
    assert!(lines[2].starts_with("OK,QUOTE,T,19.50,"));
}

#[test]
fn the_stand_in_speaks_the_same_protocol() {
    let folder = tempdir().unwrap();
    let mut command = Command::new(program("daytraded"));
    command.args(["quote-server", "--listen", "127.0.0.1:0", "--quotes", "simulated:7:frozen"]);
    let quotes = Daemon::spawn(&mut command).unwrap();
    let answer = quotes.talk("s, alice\n");
    assert!(answer.starts_with("27.73,S,alice,1") && answer.ends_with(" \n"), "{answer}");
    assert_eq!(quotes.talk("TOOLONG,alice\n"), "NA\n");
    let watched = quotes.talk("s,daytraded\n");
    assert!(watched.starts_with("27.73,S,daytraded,1"), "for those who only watch: {watched}");
    let server =
        Daemon::start(folder.path(), &["--quotes", &format!("legacy:{}", quotes.address())]);
    let replies = server.talk(&std::fs::read_to_string(workload("1-user.txt")).unwrap());
    assert_eq!(replies.lines().filter(|line| line.contains("] ")).count(), 100);
    assert_eq!(stat(&server, "quote_hits"), "3", "one for each of its symbols");
}

/// A quote server with all faults at once: every command is answered with a price or a refusal, and
/// the log has only valid prices.
#[test]
fn a_quote_server_with_all_faults_is_tolerated() {
    let faults = "na:15,wrong:20,early:15,refuse:15,silent:10";
    let mut command = Command::new(program("daytraded"));
    command.args([
        "quote-server",
        "--listen",
        "127.0.0.1:0",
        "--faults",
        faults,
        "--seed",
        "3",
        "--clock-skew=-86400000",
    ]);
    let quotes = Daemon::spawn(&mut command).unwrap();
    let folder = tempdir().unwrap();
    let source = format!("legacy:{}", quotes.address());
    let server = Daemon::start(
        folder.path(),
        &["--quotes", &source, "--quote-timeout", "400", "--hedge-after", "20"],
    );
    let letters = || (b'A'..=b'Z').map(char::from);
    let lines: Vec<_> =
        letters().flat_map(|a| ['X', 'Y', 'Z'].map(|b| format!("QUOTE,alice,{a}{b}"))).collect();
    let lines: String =
        lines.iter().enumerate().map(|(n, line)| format!("[{}] {line}\n", n + 1)).collect();
    let replies = server.talk(&lines);
    let (good, refused) =
        (replies.matches("OK,QUOTE,").count(), replies.matches("ERR,QUOTE_UNAVAILABLE,").count());
    assert_eq!(good + refused, 78, "{replies}");
    assert!(good > 15 && refused > 5, "{good} good, {refused} refused");
    assert!(server.talk("[1] DUMPLOG,quotes.xml\n").contains("OK,DUMPLOG,"));
    let log = std::fs::read_to_string(folder.path().join("dumps/quotes.xml")).unwrap();
    assert_eq!(log.matches("<quoteServer>").count().to_string(), stat(&server, "quote_hits"));
    assert!(log.matches("<quoteServer>").count() >= good);
    assert!(stat(&server, "quote_answers_unusable").parse::<u64>().unwrap() > 0);
}
