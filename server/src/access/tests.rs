//! The table of roles: every role, every command, its own account and another's.

use super::*;
use daytrade_protocol::parse_line;

fn grant(role: Role) -> Grant {
    let name = UserName::parse(b"alice").unwrap();
    let accounts = match role {
        Role::Trader => Accounts::Own(name.clone()),
        Role::Replayer => Accounts::Prefixes(vec!["g1-".to_owned()]),
        Role::Admin => Accounts::All,
        Role::Monitor | Role::Auditor => Accounts::None,
    };
    Grant { name, role, accounts, may_add: false, credential: Credential::Password }
}

/// Returns which of these roles may send a line: m, t, a, r and A for admin.
fn may(line: &str) -> String {
    let roles = [Role::Monitor, Role::Trader, Role::Auditor, Role::Replayer, Role::Admin];
    let letters = roles.iter().zip(["m", "t", "a", "r", "A"]);
    let parsed = parse_line(line.as_bytes());
    letters
        .filter(|(role, _)| grant(**role).check(&parsed).is_ok())
        .map(|(_, letter)| letter)
        .collect()
}

#[test]
fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let of = ["BUY,{},ABC,1", "SELL,{},ABC,1", "COMMIT_BUY,{}", "CANCEL_BUY,{}", "QUOTE,{},ABC"]
        .into_iter()
        .chain(["COMMIT_SELL,{}", "CANCEL_SELL,{}", "SET_BUY_AMOUNT,{},ABC,1"])
        .chain(["SET_BUY_TRIGGER,{},ABC,1", "CANCEL_SET_BUY,{},ABC", "SET_SELL_AMOUNT,{},ABC,1"])
        .chain(["SET_SELL_TRIGGER,{},ABC,1", "CANCEL_SET_SELL,{},ABC", "DISPLAY_SUMMARY,{}"]);
    for form in of {
        let line = |user: &str| form.replace("{}", user);
        assert_eq!(may(&line("alice")), "tA", "{form}");
        assert_eq!(may(&line("g1-x")), "rA", "{form}");
        assert_eq!(may(&line("bob")), "A", "{form}");
    }
    // A line that cannot be carried out is refused for the same reason first.
    assert_eq!(may("BUY,bob,ABC,nothing"), "A");
    assert_eq!(may("ADD,alice,1"), "A");
    assert_eq!(may("DUMPLOG,alice,f"), "taA");
    assert_eq!(may("DUMPLOG,g1-x,f"), "arA");
    assert_eq!(may("DUMPLOG,f"), "arA");
    assert_eq!(may("STATS"), "marA");
    assert_eq!(may("WATCH,ABC"), "taA");
    assert_eq!(may("SUBSCRIBE,alice"), "taA");
    assert_eq!(may("SUBSCRIBE,bob"), "aA");
    assert_eq!(may("READLOG"), "tarA");
    assert_eq!(may("READLOG,alice"), "taA");
    assert_eq!(may("READLOG,bob"), "aA");
    for line in ["PING", "HELP", "QUIT", "WHOAMI", "PASSWD,twelve-chars,twelve-chars", "NONSENSE"] {
        assert_eq!(may(line), "mtarA", "{line}");
    }
}

#[test]
fn an_invitation_only_allows_to_choose_a_password() {
    let mut grant = grant(Role::Trader);
    grant.credential = Credential::Invitation;
    for line in ["PASSWD,twelve-chars,twelve-chars", "WHOAMI", "PING", "QUIT"] {
        assert_eq!(grant.check(&parse_line(line.as_bytes())), Ok(()), "{line}");
    }
    for line in ["QUOTE,alice,ABC", "WATCH,ABC", "STATS"] {
        let refused = grant.check(&parse_line(line.as_bytes()));
        assert_eq!(refused, Err(Refusal::NeedsPassword), "{line}");
    }
}

#[test]
fn accounts_of_logins_are_no_accounts_of_a_replayer() {
    let name = |name: &str| UserName::parse(name.as_bytes()).unwrap();
    let logins = super::super::LoginNames::default();
    let accounts = Accounts::AllButLogins(logins.clone());
    assert!(accounts.contains(&name("alice")));
    logins.write().insert(name("alice"));
    assert!(!accounts.contains(&name("alice")) && accounts.contains(&name("bob")));
    assert_eq!(accounts.to_string(), "*");
    let prefixes = Accounts::Prefixes(vec!["a-".to_owned(), "b_".to_owned()]);
    assert_eq!(prefixes.to_string(), "a-|b_");
    assert!(prefixes.contains(&name("b_1")) && !prefixes.contains(&name("b1")));
}
