//! What each role may do, on the wire: what is refused leaves no trace in the journal.

use super::super::harness::text;
use super::{Class, PASSWORD};

/// A line for each of the sixteen commands, for one account.
fn lines_of(account: &str) -> Vec<String> {
    [
        "ADD,{},5",
        "QUOTE,{},ABC",
        "BUY,{},ABC,1",
        "COMMIT_BUY,{}",
        "CANCEL_BUY,{}",
        "SELL,{},ABC,1",
        "COMMIT_SELL,{}",
        "CANCEL_SELL,{}",
        "SET_BUY_AMOUNT,{},ABC,1",
        "SET_BUY_TRIGGER,{},ABC,1",
        "CANCEL_SET_BUY,{},ABC",
        "SET_SELL_AMOUNT,{},ABC,1",
        "SET_SELL_TRIGGER,{},ABC,1",
        "CANCEL_SET_SELL,{},ABC",
        "DUMPLOG,{},log.xml",
        "DISPLAY_SUMMARY,{}",
    ]
    .map(|form| form.replace("{}", account))
    .to_vec()
}

fn records(class: &Class) -> String {
    let mut admin = class.server.connect();
    admin.send(&format!("AUTH,root,{PASSWORD}\nSTATS\nQUIT\n"));
    let stats = admin.rest();
    let line = stats.lines().find(|line| line.starts_with("-STAT,journal_records,"));
    line.unwrap_or_else(|| panic!("{stats}")).to_owned()
}

/// Sends lines as a login and returns the replies, without the one to AUTH.
fn replies(class: &Class, login: &str, lines: &[String]) -> Vec<String> {
    let mut client = class.server.connect();
    client.send(&format!("AUTH,{login},{PASSWORD}\n{}\nQUIT\n", lines.join("\n")));
    let replies = client.rest();
    let mut last = replies.lines().filter(|line| !line.starts_with('-')).map(str::to_owned);
    assert!(last.next().unwrap().starts_with("OK,AUTH,"), "{replies}");
    last.collect()
}

#[test]
fn every_role_is_refused_what_it_may_not_do_and_nothing_is_recorded() {
    let users: [(&str, &[&str]); 4] = [
        ("monitor1", &["--role", "monitor"]),
        ("trader1", &["--role", "trader"]),
        ("auditor1", &["--role", "auditor"]),
        ("replayer1", &["--role", "replayer", "--accounts", "g1-"]),
    ];
    let class = Class::plain(&users, &[]);
    let before = records(&class);
    let mut lines = lines_of("other");
    lines.extend(lines_of("monitor1"));
    for (login, _) in users {
        // An auditor may dump the log of anybody; that is the only record it can make.
        let forbidden: Vec<_> =
            lines.iter().filter(|line| !line.starts_with("DUMPLOG")).cloned().collect();
        let replies = replies(&class, login, &forbidden);
        assert_eq!(replies.len(), 31, "{login}: {replies:?}");
        let refused = replies.iter().filter(|line| line.starts_with("ERR,FORBIDDEN,")).count();
        assert_eq!(refused, 30, "{login}: {replies:?}");
    }
    for login in ["monitor1", "trader1", "replayer1"] {
        let replies = replies(&class, login, &["DUMPLOG,other,l".to_owned()]);
        assert!(replies[0].starts_with("ERR,FORBIDDEN,"), "{login}: {replies:?}");
    }
    assert_eq!(records(&class), before);
    // What they may do works, and a trader without the right cannot ADD.
    let own = replies(&class, "trader1", &lines_of("trader1"));
    assert!(own[0].starts_with("ERR,FORBIDDEN,"), "{own:?}");
    assert!(!own[1..].iter().any(|line| line.starts_with("ERR,FORBIDDEN")), "{own:?}");
    let graded = replies(&class, "replayer1", &lines_of("g1-a"));
    assert!(
        graded[0] == "OK,ADD,5.00" && graded[14].starts_with("OK,DUMPLOG,log.xml,"),
        "{graded:?}"
    );
    let dump = class.data().join("dumps/users/replayer1/log.xml");
    let log = std::fs::read_to_string(dump).unwrap();
    assert!(log.contains("<username>g1-a</username>") && !log.contains("trader1"), "{log}");
}

#[test]
fn a_log_read_over_the_wire_is_the_file_that_a_dump_would_write() {
    let class = Class::plain(&[("alice", &["--may-add"]), ("bob", &["--may-add"])], &[]);
    replies(&class, "bob", &["ADD,bob,7".to_owned()]);
    let lines = ["ADD,alice,500", "BUY,alice,ABC,100", "COMMIT_BUY,alice", "DUMPLOG,alice,a.xml"];
    replies(&class, "alice", &lines.map(str::to_owned));
    let mut client = class.server.connect();
    client.send(&format!("AUTH,alice,{PASSWORD}\n[9] READLOG\nREADLOG,bob\nQUIT\n"));
    let replies = client.rest();
    let read: String = replies
        .lines()
        .filter_map(|line| line.strip_prefix("[9]-LOG,"))
        .map(|line| format!("{line}\n"))
        .collect();
    let written = std::fs::read(class.data().join("dumps/users/alice/a.xml")).unwrap();
    assert_eq!(read, text(&written));
    assert!(replies.contains("[9] OK,READLOG,") && replies.contains("\nERR,FORBIDDEN,"));
    // The whole log is for auditors and admins, and can begin at a time.
    let mut admin = class.server.connect();
    admin.send(&format!("AUTH,root,{PASSWORD}\nREADLOG\nREADLOG,,9999999999999\nQUIT\n"));
    let all = admin.rest();
    assert!(all.contains("<username>bob</username>") && all.contains("\nOK,READLOG,0\n"), "{all}");
}
