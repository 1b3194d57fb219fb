//! Servers that say that the accounts are with another one: the client goes there, and nothing is
//! carried out twice.

use crate::harness::{Daemon, TIMEOUT, daytrade, eventually, text};
use crate::screen::Terminal;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Output;
use std::sync::{Arc, Mutex};
use tempfile::tempdir;

/// What a made-up server sends when it has read a line, for one connection.
type Answers = Box<dyn FnMut(&str) -> String + Send>;

/// The last line of a connection.
const BYE: &str = "* BYE,MOVED\n";
/// Ends a connection at once.
const CUT: &str = "";

/// A made-up server.
struct Fake {
    address: String,
    /// The lines that it has carried out, of all connections.
    done: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// Starts a server. `answers` is called for every connection.
    fn start(answers: impl Fn() -> Answers + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let done = Arc::new(Mutex::new(Vec::new()));
        let all_done = Arc::clone(&done);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, answers, done) = (stream.unwrap(), answers(), Arc::clone(&all_done));
                std::thread::spawn(move || serve(stream, answers, &done));
            }
        });
        Self { address, done }
    }

    /// A server that carries out everything.
    fn owner() -> Self {
        Self::start(|| Box::new(ok))
    }

    /// A server that carries out the first lines of every connection, and answers the next ones
    /// with another server's address before it ends the connection.
    fn leaving(first: usize, then: usize, to: &str) -> Self {
        let to = to.to_owned();
        Self::start(move || {
            let (mut lines, to) = (0, to.clone());
            Box::new(move |line| {
                lines += 1;
                if lines <= first {
                    return ok(line);
                }
                let end = if lines == first + then { BYE } else { "" };
                format!("{}ERR,MOVED,{to}\n{end}", tag(line))
            })
        })
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

/// Returns the tag of a line, as its reply begins with it.
fn tag(line: &str) -> &str {
    line.split_once("] ").map_or("", |(tag, _)| &line[..tag.len() + 2])
}

fn ok(line: &str) -> String {
    format!("{}OK,ADD,1.00\n", tag(line))
}

fn serve(mut stream: TcpStream, mut answers: Answers, done: &Mutex<Vec<String>>) {
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        let request = std::mem::take(&mut line);
        let request = request.trim_end();
        let answer = match request.split(' ').next_back() {
            Some("PING") => format!("{}OK,PING\n", tag(request)),
            Some("STATS") => "OK,STATS,0\n".to_owned(),
            _ => answers(request),
        };
        if answer.contains("OK,ADD") {
            done.lock().unwrap().push(request.to_owned());
        }
        if answer == CUT {
            return;
        }
        // The client may have left.
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
        if answer.ends_with(BYE) {
            let _ = stream.shutdown(Shutdown::Write);
            let _ = reader.read_to_end(&mut Vec::new());
            return;
        }
    }
}

/// Runs the client in a folder of its own.
fn run(args: &[&str], to: &str, input: &str) -> Output {
    let folder = tempdir().unwrap();
    daytrade(folder.path(), &[args, &["--connect", to]].concat(), input.as_bytes())
}

#[test]
fn send_goes_on_where_the_accounts_are() {
    let second = Fake::owner();
    let first = Fake::leaving(2, 2, &second.address);
    let lines = ["[1] ADD,a,1", "ADD,b,1", "[3] ADD,a,1", "ADD,b,1", "[5] ADD,a,1", "ADD,b,1"];
    let sent = run(&[&["send"], &lines[..]].concat(), &first.address, "");
    let replies = "[1] OK,ADD,1.00\nOK,ADD,1.00\n[3] OK,ADD,1.00\nOK,ADD,1.00\n[5] OK,ADD,1.00\n\
                   OK,ADD,1.00\n";
    assert_eq!((sent.status.code(), text(&sent.stdout).as_str()), (Some(0), replies));
    assert_eq!(first.done(), lines[..2]);
    assert_eq!(second.done(), lines[2..]);
}

/// Returns the lines of one user.
fn of_user(user: &str, lines: &[String]) -> Vec<String> {
    let is_it = |line: &&String| line.contains(&format!(",{user},"));
    lines.iter().filter(is_it).cloned().collect()
}

#[test]
fn a_workload_is_carried_out_once_and_in_the_order_of_each_user() {
    let workloads: [(&[&str], bool); 4] = [
        (&[], true),
        (&["replay"], false),
        (&["replay", "--connections", "3"], true),
        (&["replay", "--connections", "3", "--fail-fast"], true),
    ];
    for (args, is_tagged) in workloads {
        let third = Fake::owner();
        let second = Fake::leaving(300, 1, &third.address);
        let first = Fake::leaving(200, 20, &second.address);
        let line = |number: usize| {
            let tag = if is_tagged { format!("[{number}] ") } else { String::new() };
            format!("{tag}ADD,u{},{number}", number % 7)
        };
        let count = if args.contains(&"--fail-fast") { 1_000 } else { 20_000 };
        let lines: Vec<String> = (1..=count).map(line).collect();
        let replayed = run(args, &first.address, &(lines.join("\n") + "\n"));
        let said = text(&replayed.stderr);
        assert_eq!(replayed.status.code(), Some(0), "{args:?}: {said}");
        assert!(said.contains("the accounts have moved to 127.0.0.1:"), "{said}");
        let replies: Vec<String> = lines.iter().map(|line| ok(line)).collect();
        assert!(text(&replayed.stdout) == replies.concat(), "{args:?}: the replies or their order");
        let done = [first.done(), second.done(), third.done()].concat();
        assert_eq!(done.len(), lines.len(), "{args:?}");
        for user in 0..7 {
            let user = format!("u{user}");
            assert!(of_user(&user, &done) == of_user(&user, &lines), "{args:?}: {user}");
        }
    }
}

/// A server that leaves the second line without a reply, does not know of the third, and has not
/// carried out the fourth.
fn doubtful(to: &str) -> Fake {
    let to = to.to_owned();
    Fake::start(move || {
        let to = to.clone();
        Box::new(move |line| match tag(line) {
            "[1] " => ok(line),
            "[2] " => "* QUOTE,S,1.00,1\n".to_owned(),
            "[3] " => "[3] ERR,UNKNOWN,it may have taken effect\n".to_owned(),
            tag => format!("{tag}ERR,MOVED,{to}\n{BYE}"),
        })
    })
}

const FIVE: [&str; 5] = ["[1] ADD,a,1", "[2] ADD,a,2", "[3] ADD,b,3", "[4] ADD,b,4", "[5] ADD,a,5"];

#[test]
fn what_may_have_been_carried_out_is_listed_and_not_sent_again() {
    let second = Fake::owner();
    let first = doubtful(&second.address);
    let sent = run(&[&["send"], &FIVE[..]].concat(), &first.address, "");
    let said = text(&sent.stderr);
    assert_eq!(sent.status.code(), Some(3), "{said}");
    assert!(said.contains("may have been carried out:\n  [2] ADD,a,2\n"), "{said}");
    assert!(text(&sent.stdout).contains("[3] ERR,UNKNOWN,"), "{}", text(&sent.stdout));
    assert_eq!(second.done(), FIVE[3..]);
    let second = Fake::owner();
    let first = doubtful(&second.address);
    let replayed = run(&["replay"], &first.address, &FIVE.join("\n"));
    let said = text(&replayed.stderr);
    assert_eq!(replayed.status.code(), Some(3), "{said}");
    assert!(said.contains("UNKNOWN, these lines"), "{said}");
    assert!(said.contains("  -:2: [2] ADD,a,2\n  -:3: [3] ADD,b,3\n"), "{said}");
    let replies = text(&replayed.stdout);
    let heads: Vec<&str> = replies.lines().map(|line| &line[..7]).collect();
    assert_eq!(heads, ["[1] OK,", "[2] ERR", "[3] ERR", "[4] OK,", "[5] OK,"], "{replies}");
    assert_eq!(second.done(), FIVE[3..]);
    let second = Fake::owner();
    let first = doubtful(&second.address);
    let replayed = run(&["replay", "--json"], &first.address, &FIVE.join("\n"));
    let json: serde_json::Value = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!(json["unknown"][1], "-:3: [3] ADD,b,3", "{json}");
    assert_eq!((&json["ok"], &json["refused"]["UNKNOWN"]), (&3.into(), &2.into()), "{json}");
}

#[test]
fn a_server_that_dies_in_a_replay_leaves_a_list_of_what_it_may_have_carried_out() {
    let first = Fake::start(|| {
        Box::new(|line| match tag(line) {
            "[1] " => ok(line),
            "[5] " => CUT.to_owned(),
            _ => "* QUOTE,S,1.00,1\n".to_owned(),
        })
    });
    let replayed = run(&["replay"], &first.address, &(FIVE.join("\n") + "\n"));
    let said = text(&replayed.stderr);
    assert_eq!(replayed.status.code(), Some(3), "{said}");
    let listed: Vec<&str> = said.lines().filter(|line| line.starts_with("  -:")).collect();
    assert_eq!(listed.len(), 4, "{said}");
    assert!(listed[0] == "  -:2: [2] ADD,a,2" && listed[3] == "  -:5: [5] ADD,a,5", "{said}");
}

#[test]
fn lines_without_replies_are_listed_at_a_move() {
    let second = Fake::owner();
    let first = Fake::start(|| Box::new(|_| BYE.to_owned()));
    let args = ["replay", "--noreply"];
    let replayed = run(&args, &first.address, &(FIVE.join("\n") + "\n"));
    let said = text(&replayed.stderr);
    assert_eq!(replayed.status.code(), Some(3), "{said}");
    assert!(said.contains("-:1: 5 lines to 5 want no reply"), "{said}");
    assert!(second.done().is_empty());
}

#[test]
fn plain_lines_do_not_leave_this_machine() {
    let first = Fake::leaving(1, 1, "192.0.2.7:4462");
    for args in [&["send", "[1] ADD,a,1", "[2] ADD,a,1"] as &[&str], &["replay"], &["status"]] {
        let refused = run(args, &first.address, "[1] ADD,a,1\n[2] ADD,a,1\n");
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(3), "{args:?}: {said}");
        let sentence =
            "the accounts have moved to 192.0.2.7:4462: without TLS they are followed to";
        assert!(said.contains(sentence), "{args:?}: {said}");
    }
}

#[test]
fn servers_that_name_each_other_are_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap().to_string();
    let one = Fake::leaving(0, 1, &to);
    let back = one.address.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let back = back.clone();
            let answers = move |line: &str| format!("{}ERR,MOVED,{back}\n{BYE}", tag(line));
            std::thread::spawn(move || {
                serve(stream.unwrap(), Box::new(answers), &Mutex::default());
            });
        }
    });
    for args in [&["send", "[1] ADD,a,1"] as &[&str], &["replay"], &["status"]] {
        let given_up = run(args, &one.address, "[1] ADD,a,1\n");
        let said = text(&given_up.stderr);
        assert_eq!(given_up.status.code(), Some(3), "{args:?}: {said}");
        assert!(said.contains("moved 8 times within 10 s"), "{args:?}: {said}");
    }
}

#[test]
fn the_screen_and_the_queries_go_to_the_server_that_has_the_accounts() {
    let folder = tempdir().unwrap();
    let server = Daemon::start(folder.path(), &["--quotes", "simulated:7:frozen"]);
    server.talk("ADD,alice,1000\n");
    let first = Fake::leaving(0, 1, &server.address());
    let status = run(&["status", "--user", "alice"], &first.address, "");
    assert!(text(&status.stdout).contains("1000.00"), "{}", text(&status.stderr));
    let quote = run(&["quote", "S", "--user", "alice"], &first.address, "");
    assert!(text(&quote.stdout).contains('S'), "{}", text(&quote.stderr));
    let mut screen = Terminal::open(&["--connect", &first.address, "--user", "alice"], &[]);
    screen.expect("Cash 1,000.00");
    screen.expect(&server.address());
    screen.expect("LIVE");
    assert!(!screen.has_shown("OFFLINE"), "it goes there at once");
    screen.press(":ADD,alice,1\r");
    screen.expect("Cash 1,001.00");
    screen.quit();
    eventually("second deposit", || server.talk("DISPLAY_SUMMARY,alice\n").contains(",1001.00,"));
}
