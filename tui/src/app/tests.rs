//! The application alone: no terminal, no server, and each event brings its time.

use super::*;
use daytrade_protocol::{Body, Request, ServerLine};

/// An application and its time.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) now_ms: u64,
}

pub(super) const START_MS: u64 = 1_795_334_400_000;

/// Returns a request as the line that is sent.
fn line_of(request: &Request) -> String {
    let mut line = Vec::new();
    request.write_to(&mut line);
    String::from_utf8(line).unwrap().trim_end().to_owned()
}

impl World {
    /// Creates an application that is connected and has prices.
    pub(crate) fn live() -> Self {
        Self::of_user("alice")
    }

    /// Creates the application of a user, connected and with prices.
    pub(crate) fn of_user(user: &str) -> Self {
        let symbols = ["XYZ", "ABC", "TSX"]
            .iter()
            .filter_map(|name| Symbol::parse(name.as_bytes()))
            .collect();
        let user = UserName::parse(user.as_bytes()).unwrap();
        let app = App::new(user, "127.0.0.1:4462", symbols, KeyMap::default(), START_MS);
        let mut world = Self { app, now_ms: START_MS };
        world.handle(Event::Link(LinkEvent::Up(None)));
        for (symbol, price) in [("XYZ", "15.02"), ("ABC", "122.10"), ("TSX", "9.31")] {
            world.receive(&format!("* QUOTE,{symbol},{price},{START_MS}"));
        }
        world
    }

    /// Handles an event; returns the lines that are sent.
    pub(crate) fn handle(&mut self, event: Event) -> Vec<String> {
        let effects = self.app.update(event, self.now_ms);
        let line = |effect| {
            if let Effect::Send(request) = effect { Some(line_of(&request)) } else { None }
        };
        effects.into_iter().filter_map(line).collect()
    }

    pub(crate) fn press(&mut self, keys: &str) -> Vec<String> {
        keys.chars()
            .flat_map(|key| {
                self.handle(Event::Key(if key == '\n' { Key::Enter } else { Key::Char(key) }))
            })
            .collect()
    }

    pub(crate) fn receive(&mut self, text: &str) -> Vec<String> {
        let line = ServerLine::parse(text.as_bytes()).unwrap();
        self.handle(Event::Link(LinkEvent::Line { line, text: text.to_owned(), took_us: None }))
    }

    /// Returns the requests in flight with their tags, oldest first.
    pub(super) fn in_flight(&self) -> Vec<(u64, String)> {
        let line =
            |body: &Body| line_of(&Request { tag: None, noreply: false, body: body.clone() });
        self.app.connection.in_flight().map(|(tag, body)| (tag, line(body))).collect()
    }

    /// Returns true while a request with this prefix is in flight.
    pub(crate) fn is_in_flight(&self, prefix: &str) -> bool {
        self.in_flight().iter().any(|(_, line)| line.starts_with(prefix))
    }

    /// Returns the tag of the newest request in flight with this prefix.
    pub(crate) fn tag(&self, prefix: &str) -> u64 {
        let requests = self.in_flight();
        let found = requests.iter().rfind(|(_, line)| line.starts_with(prefix));
        found.unwrap_or_else(|| panic!("no {prefix} in flight")).0
    }

    /// Answers the newest DISPLAY_SUMMARY.
    pub(crate) fn summary(&mut self, details: &[&str]) -> Vec<String> {
        let tag = self.tag("DISPLAY_SUMMARY");
        for detail in details {
            self.receive(&format!("[{tag}]-{detail}"));
        }
        self.receive(&format!("[{tag}] OK,DISPLAY_SUMMARY,alice,{}", details.len()))
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        self.handle(Event::Tick);
    }

    pub(crate) fn down(&mut self) {
        let (cause, next_try_ms) = ("it broke".to_owned(), self.now_ms + 250);
        self.handle(Event::Link(LinkEvent::Down { cause, next_try_ms, attempt: 2 }));
    }

    /// Returns the open form.
    pub(crate) fn form(&self) -> &Form {
        match self.app.view.popup() {
            Some(Popup::Form(form)) => form,
            other => panic!("no form: {other:?}"),
        }
    }

    /// Returns the typed amount of the open form.
    fn amount(&self) -> &str {
        self.form().input(Field::Amount).value()
    }
}

/// Returns the commands among lines that are sent, without tags, summaries and watches.
fn without_tags(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .filter_map(|line| line.split_once("] ").map(|(_, line)| line))
        .filter(|line| !["DISPLAY", "WATCH", "OPEN"].iter().any(|name| line.starts_with(name)))
        .collect()
}

#[test]
fn a_trade_takes_two_different_keys_and_is_sent_once() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    assert!(without_tags(&world.press("b550")).is_empty());
    assert_eq!(without_tags(&world.press("\n")), ["BUY,alice,XYZ,550.00"]);
    assert!(
        without_tags(&world.press("\n\n")).is_empty(),
        "in flight: a second Enter sends nothing"
    );
    let tag = world.tag("BUY");
    let expires = START_MS + 60_000;
    world.receive(&format!("[{tag}] OK,BUY,XYZ,36,15.02,540.72,{expires}"));
    assert!(world.app.view.popup().is_none());
    world.summary(&[
        "ACCOUNT,alice,459.28,540.72,0.00",
        &format!("PENDING,BUY,XYZ,36,15.02,540.72,{expires}"),
    ]);
    assert!(
        world.press("y").is_empty(),
        "a key pressed for something else must not commit an order that has just appeared"
    );
    world.wait(BANNER_GUARD_MS);
    assert_eq!(without_tags(&world.press("y")), ["COMMIT_BUY,alice"]);
    assert!(world.press("yyn").is_empty(), "and not again while it is in flight");
}

#[test]
fn a_request_without_a_reply_is_unknown_until_the_next_summary_and_is_never_sent_again() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    world.press("b550\n");
    let tag = world.tag("BUY");
    world.down();
    let lost = world.app.activity.lines().iter().find(|line| line.tag == tag).unwrap();
    assert_eq!(lost.outcome, Outcome::Unknown);
    assert!(
        world.app.activity.lines().back().unwrap().message.starts_with("Link down: "),
        "and the loss is recorded"
    );
    assert!(world.press("y\n").is_empty(), "nothing is sent without a link");
    let sent = world.handle(Event::Link(LinkEvent::Up(None)));
    let is_read = |line: &str| {
        ["SUBSCRIBE", "DISPLAY_SUMMARY", "WATCH", "MARKET", "REPORT"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    assert!(without_tags(&sent).iter().all(|line| is_read(line)), "{sent:?}");
    world.summary(&[
        "ACCOUNT,alice,459.28,540.72,0.00",
        &format!("HISTORY,{START_MS},{tag},BUY,XYZ,550.00,OK"),
    ]);
    let settled = world.app.activity.lines().iter().find(|line| line.tag == tag).unwrap();
    assert_eq!(
        (settled.outcome, settled.message.as_str()),
        (Outcome::Ok, "it took effect, as the server says now")
    );
}

#[test]
fn a_refusal_is_displayed_in_the_form_which_stays_open() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    world.press("b550\n");
    let tag = world.tag("BUY");
    world.receive(&format!("[{tag}] ERR,QUOTE_UNAVAILABLE,no price of XYZ in time"));
    assert_eq!((world.amount(), world.form().refused()), ("550", Some("no price of XYZ in time")));
}

#[test]
fn a_trigger_is_two_requests_and_the_second_follows_the_reply_to_the_first() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    world.press("t900");
    world.handle(Event::Key(Key::Tab));
    assert_eq!(without_tags(&world.press("14.50\n")), ["SET_BUY_AMOUNT,alice,XYZ,900.00"]);
    let tag = world.tag("SET_BUY_AMOUNT");
    let sent = world.receive(&format!("[{tag}] OK,SET_BUY_AMOUNT,XYZ,900.00"));
    assert_eq!(without_tags(&sent), ["SET_BUY_TRIGGER,alice,XYZ,14.50"]);
}

#[test]
fn an_order_without_a_fresh_price_or_enough_cash_is_not_sent() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,100.00,0.00,0.00"]);
    assert!(without_tags(&world.press("b550\n")).is_empty());
    assert_eq!(world.form().refused(), Some("Not sent: 550.00 is more than the 100.00 in cash."));
    world.wait(QUOTE_LIFETIME_MS + 1);
    assert!(without_tags(&world.press("\n")).is_empty(), "the price is stale");
}

#[test]
fn a_draft_is_kept_for_its_own_symbol_only() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    world.press("b55");
    world.handle(Event::Key(Key::Esc));
    world.press("b");
    assert_eq!(world.amount(), "55");
    world.press("9");
    assert_eq!(world.amount(), "9", "the next letter replaces the draft's amount");
    world.handle(Event::Key(Key::Esc));
    world.press("jb");
    let symbol = world.form().input(Field::Symbol).value();
    assert_eq!((world.amount(), symbol), ("", "ABC"));
}

/// Creates an account with a pending buy of ABC.
fn with_a_pending_buy() -> World {
    let mut world = World::live();
    let expires = START_MS + 50_000;
    world.summary(&[
        "ACCOUNT,alice,1000.00,122.10,0.00",
        &format!("PENDING,BUY,ABC,1,122.10,122.10,{expires}"),
    ]);
    world.wait(BANNER_GUARD_MS);
    world
}

#[test]
fn nothing_is_committed_while_the_newest_order_may_be_another_one() {
    let mut world = with_a_pending_buy();
    world.press(":buy xyz 20\n");
    assert!(
        without_tags(&world.press("y")).is_empty(),
        "a BUY is in flight: the server would commit that one"
    );
    let (tag, expires) = (world.tag("BUY"), START_MS + 60_000);
    world.receive(&format!("[{tag}] OK,BUY,XYZ,1,15.02,15.02,{expires}"));
    world.wait(BANNER_GUARD_MS);
    assert!(
        without_tags(&world.press("y")).is_empty(),
        "it is reserved and not yet in the displayed account"
    );
    world.summary(&[
        "ACCOUNT,alice,984.98,137.12,0.00",
        &format!("PENDING,BUY,XYZ,1,15.02,15.02,{expires}"),
        &format!("PENDING,BUY,ABC,1,122.10,122.10,{}", START_MS + 50_000),
    ]);
    world.wait(BANNER_GUARD_MS);
    assert_eq!(without_tags(&world.press("y")), ["COMMIT_BUY,alice"]);
    let tag = world.tag("COMMIT_BUY");
    world.receive(&format!("[{tag}] OK,COMMIT_BUY,XYZ,1,15.02,15.02"));
    assert_eq!(
        world.app.next_pending().unwrap().terms.symbol.as_str(),
        "ABC",
        "the banner names the remaining order at once"
    );
    assert!(
        without_tags(&world.press("yy")).is_empty(),
        "a key held down must not commit the next order"
    );
}

#[test]
fn a_reply_applies_only_to_the_form_that_sent_the_request() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    world.press("b550\n");
    let first = world.tag("BUY,alice,XYZ");
    world.handle(Event::Key(Key::Esc));
    world.press("jb200\n");
    world.receive(&format!("[{first}] ERR,QUOTE_UNAVAILABLE,no price of XYZ in time"));
    assert!(world.form().is_sending() && world.form().refused().is_none());
    assert!(without_tags(&world.press("\n")).is_empty(), "the second order is still in flight");
    assert!(
        world.app.activity.notice().unwrap().contains("no price of XYZ"),
        "and the refusal of the first is displayed"
    );
}

#[test]
fn a_selected_trigger_stays_selected_when_prices_change_its_row() {
    let mut world = World::live();
    world.summary(&[
        "ACCOUNT,alice,1000.00,0.00,0.00",
        "TRIGGER,BUY,ABC,200.00,110.00,0",
        "TRIGGER,BUY,TSX,100.00,9.30,0",
    ]);
    assert!(world.press("3").is_empty());
    let selected =
        |world: &World| world.app.triggers_by_nearness()[world.app.row(Pane::Triggers)].0.symbol;
    assert_eq!(selected(&world).as_str(), "TSX", "the nearest");
    world.now_ms += 1_000;
    world.receive(&format!("* QUOTE,ABC,110.01,{}", world.now_ms));
    assert_eq!(
        world.app.triggers_by_nearness()[0].0.symbol.as_str(),
        "ABC",
        "another trigger is nearest now"
    );
    assert_eq!(selected(&world).as_str(), "TSX");
    assert_eq!(without_tags(&world.press("x")), ["CANCEL_SET_BUY,alice,TSX"]);
    assert!(
        without_tags(&world.press("x")).is_empty(),
        "not a second one while the first is in flight"
    );
}

#[test]
fn an_expired_order_is_offered_again_with_its_amount_and_for_its_own_symbol_only() {
    for (turned, amount) in [(false, "555"), (true, "")] {
        let mut world = World::live();
        world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
        world.press("b555\n");
        let tag = world.tag("BUY");
        world.receive(&format!("[{tag}] OK,BUY,XYZ,36,15.02,540.72,{}", START_MS + 60_000));
        world.receive("* EXPIRED,alice,BUY,XYZ,36,15.02,540.72");
        if turned {
            world.press("j");
        }
        world.press("b");
        let symbol = world.form().input(Field::Symbol).value();
        assert_eq!((symbol, world.amount()), (if turned { "ABC" } else { "XYZ" }, amount));
    }
}

#[test]
fn a_line_of_text_is_edited_at_the_cursor() {
    let mut world = World::live();
    let mut keys = |text: &str, keys: &[Key]| {
        world.press(text);
        for key in keys {
            world.handle(Event::Key(*key));
        }
        match world.app.view.popup() {
            Some(Popup::Palette(palette)) => (palette.text().to_owned(), palette.cursor()),
            _ => (world.app.market.filter().text().to_owned(), world.app.market.filter().cursor()),
        }
    };
    assert_eq!(keys(":buyxyz", &[Key::Left, Key::Left, Key::Left]), ("buyxyz".to_owned(), 3));
    assert_eq!(keys(" ", &[Key::End, Key::Backspace]), ("buy xy".to_owned(), 6));
    assert_eq!(keys("", &[Key::Home, Key::Delete]), ("uy xy".to_owned(), 0));
    assert_eq!(keys("", &[Key::Ctrl('u')]), (String::new(), 0));
    assert_eq!(keys("", &[Key::Esc]), (String::new(), 0));
    assert_eq!(keys("/hld", &[Key::Left, Key::Left, Key::Char('e')]), ("held".to_owned(), 2));
}

#[test]
fn the_command_line_sends_only_what_the_form_would_send() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    let mut sent = |line: &str| {
        let sent = world.press(&format!(":{line}\n"));
        let error = match world.app.view.take_popup() {
            Some(Popup::Palette(palette)) => palette.error().map(str::to_owned),
            _ => None,
        };
        let commands = without_tags(&sent).into_iter().filter(|line| !line.starts_with("UNWATCH"));
        (commands.collect::<Vec<_>>().join("; "), error.unwrap_or_default())
    };
    let refused = |message: &str| (String::new(), message.to_owned());
    assert_eq!(
        sent("buy xyz abc"),
        refused("Not sent: abc is not an amount: digits, a point, then k, m or s.")
    );
    assert_eq!(sent("sell xyz 50"), refused("Not sent: you hold no XYZ."));
    assert_eq!(sent("trigger buy xyz abc at 9"), {
        refused("abc is not an amount: digits, a point, then k, m or s")
    });
    assert_eq!(sent("bob,alice"), refused("no such command; HELP lists them"));
    assert_eq!(sent("buy xyz 50"), ("BUY,alice,XYZ,50.00".to_owned(), String::new()));
    assert_eq!(sent("commit_buy,alice"), ("COMMIT_BUY,alice".to_owned(), String::new()));
}

#[test]
fn esc_quits_before_the_first_connection() {
    let user = UserName::parse(b"alice").unwrap();
    let mut app = App::new(user, "127.0.0.1:4462", Vec::new(), KeyMap::default(), START_MS);
    assert_eq!(app.update(Event::Key(Key::Esc), START_MS + 1_000), [Effect::Quit]);
    app.update(Event::Link(LinkEvent::Up(None)), START_MS + 2_000);
    assert_eq!(app.update(Event::Key(Key::Esc), START_MS + 3_000), []);
}
