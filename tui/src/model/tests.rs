//! The model alone: no terminal, no server, every moment given to it.

use super::*;
use daytrade_protocol::ServerLine;
use proptest::prelude::*;

/// A model and the time.
pub(crate) struct World {
    pub(crate) model: Model,
    pub(crate) now_ms: u64,
}

const START_MS: u64 = 1_795_334_400_000;

impl World {
    /// Connected, with an account and prices.
    pub(crate) fn live() -> Self {
        let symbols = ["XYZ", "ABC", "TSX"]
            .iter()
            .filter_map(|name| Symbol::parse(name.as_bytes()))
            .collect();
        let model = Model::new("alice", "127.0.0.1:4462", symbols, KeyMap::default(), START_MS);
        let mut world = Self { model, now_ms: START_MS };
        world.act(Event::Link(LinkEvent::Up));
        for (symbol, price) in [("XYZ", "15.02"), ("ABC", "122.10"), ("TSX", "9.31")] {
            world.says(&format!("* QUOTE,{symbol},{price},{START_MS}"));
        }
        world
    }

    pub(crate) fn act(&mut self, event: Event) -> Vec<String> {
        let effects = self.model.update(event, self.now_ms);
        effects
            .into_iter()
            .filter_map(|effect| if let Effect::Send(line) = effect { Some(line) } else { None })
            .collect()
    }

    pub(crate) fn press(&mut self, keys: &str) -> Vec<String> {
        keys.chars()
            .flat_map(|key| {
                self.act(Event::Key(if key == '\n' { Key::Enter } else { Key::Char(key) }))
            })
            .collect()
    }

    pub(crate) fn says(&mut self, text: &str) -> Vec<String> {
        let line = ServerLine::parse(text.as_bytes()).unwrap();
        self.act(Event::Link(LinkEvent::Line { line, text: text.to_owned(), took_us: None }))
    }

    /// The newest tag of a request on its way that begins so.
    pub(crate) fn tag(&self, begins: &str) -> u64 {
        let found = self.model.in_flight.iter().rfind(|(_, sent)| sent.line.starts_with(begins));
        *found.unwrap_or_else(|| panic!("no {begins} on its way")).0
    }

    /// Answers the newest DISPLAY_SUMMARY.
    pub(crate) fn summary(&mut self, details: &[&str]) -> Vec<String> {
        let tag = self.tag("DISPLAY_SUMMARY");
        for detail in details {
            self.says(&format!("[{tag}]-{detail}"));
        }
        self.says(&format!("[{tag}] OK,DISPLAY_SUMMARY,alice,{}", details.len()))
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        self.act(Event::Tick);
    }

    fn down(&mut self) {
        let (cause, next_try_ms) = ("it broke".to_owned(), self.now_ms + 250);
        self.act(Event::Link(LinkEvent::Down { cause, next_try_ms, attempt: 2 }));
    }
}

fn without_tags(lines: &[String]) -> Vec<&str> {
    lines
        .iter()
        .filter_map(|line| line.split_once("] ").map(|(_, line)| line))
        .filter(|line| !line.starts_with("DISPLAY") && !line.starts_with("WATCH"))
        .collect()
}

#[test]
fn a_trade_takes_two_different_keys_and_is_sent_once() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    assert!(without_tags(&world.press("b550")).is_empty());
    assert_eq!(without_tags(&world.press("\n")), ["BUY,alice,XYZ,550"]);
    assert!(
        without_tags(&world.press("\n\n")).is_empty(),
        "on its way: a second Enter sends nothing"
    );
    let tag = world.tag("BUY");
    let expires = START_MS + 60_000;
    world.says(&format!("[{tag}] OK,BUY,XYZ,36,15.02,540.72,{expires}"));
    assert_eq!(world.model.popup, None);
    world.summary(&[
        "ACCOUNT,alice,459.28,540.72,0.00",
        &format!("PENDING,BUY,XYZ,36,15.02,540.72,{expires}"),
    ]);
    assert!(
        world.press("y").is_empty(),
        "a key meant for something else must not commit what just arrived"
    );
    world.wait(BANNER_GUARD_MS);
    assert_eq!(without_tags(&world.press("y")), ["COMMIT_BUY,alice"]);
    assert!(world.press("yyn").is_empty(), "and not again while it is on its way");
}

#[test]
fn a_lost_reply_is_unknown_until_the_server_is_asked_and_is_never_sent_again() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    world.press("b550\n");
    let tag = world.tag("BUY");
    world.down();
    let lost = world.model.activity.iter().find(|line| line.tag == tag).unwrap();
    assert_eq!(lost.verdict, Verdict::Unknown);
    assert!(
        world.model.activity.back().unwrap().words.starts_with("lost: "),
        "and the loss is noted"
    );
    assert!(world.press("y\n").is_empty(), "nothing is sent without a link");
    let sent = world.act(Event::Link(LinkEvent::Up));
    assert!(without_tags(&sent).iter().all(|line| line.starts_with("SUBSCRIBE")), "{sent:?}");
    world.summary(&[
        "ACCOUNT,alice,459.28,540.72,0.00",
        &format!("HISTORY,{START_MS},{tag},BUY,XYZ,550.00,OK"),
    ]);
    let settled = world.model.activity.iter().find(|line| line.tag == tag).unwrap();
    assert_eq!(
        (settled.verdict, settled.words.as_str()),
        (Verdict::Ok, "it took effect, as the server says now")
    );
}

#[test]
fn the_server_that_refuses_is_heard_in_the_form_which_stays_open() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    world.press("b550\n");
    let tag = world.tag("BUY");
    world.says(&format!("[{tag}] ERR,QUOTE_UNAVAILABLE,no price of XYZ in time"));
    let Some(Popup::Form(form)) = &world.model.popup else { panic!("closed") };
    assert_eq!(
        (form.amount.as_str(), form.refused.as_deref()),
        ("550", Some("no price of XYZ in time"))
    );
}

#[test]
fn a_trigger_is_two_requests_and_the_second_waits_for_the_first() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    world.press("t900");
    world.act(Event::Key(Key::Tab));
    assert_eq!(without_tags(&world.press("14.50\n")), ["SET_BUY_AMOUNT,alice,XYZ,900"]);
    let tag = world.tag("SET_BUY_AMOUNT");
    let sent = world.says(&format!("[{tag}] OK,SET_BUY_AMOUNT,XYZ,900.00"));
    assert_eq!(without_tags(&sent), ["SET_BUY_TRIGGER,alice,XYZ,14.50"]);
}

#[test]
fn an_order_without_a_fresh_price_or_enough_cash_is_not_sent() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,100.00,0.00,0.00"]);
    assert!(without_tags(&world.press("b550\n")).is_empty());
    let Some(Popup::Form(form)) = &world.model.popup else { panic!("closed") };
    assert_eq!(form.refused.as_deref(), Some("not sent: cash, see above"));
    world.wait(QUOTE_LIFE_MS + 1);
    assert!(without_tags(&world.press("\n")).is_empty(), "the price is stale");
}

#[test]
fn a_draft_is_kept_for_its_own_stock_only() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    world.press("b55");
    world.act(Event::Key(Key::Esc));
    world.press("b");
    assert!(matches!(&world.model.popup, Some(Popup::Form(form)) if form.amount == "55"));
    world.press("9");
    assert!(
        matches!(&world.model.popup, Some(Popup::Form(form)) if form.amount == "9"),
        "what was there gives way"
    );
    world.act(Event::Key(Key::Esc));
    world.press("jb");
    assert!(
        matches!(&world.model.popup, Some(Popup::Form(form)) if form.amount.is_empty() && form.symbol == "ABC")
    );
}

/// Orders of alice: a pending buy of ABC that is there, and one of XYZ that comes to it.
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
fn a_commit_waits_while_the_newest_order_may_be_another_one() {
    let mut world = with_a_pending_buy();
    world.press(":buy xyz 20\n");
    assert!(
        without_tags(&world.press("y")).is_empty(),
        "a BUY is on its way: the server would commit that one"
    );
    let (tag, expires) = (world.tag("BUY"), START_MS + 60_000);
    world.says(&format!("[{tag}] OK,BUY,XYZ,1,15.02,15.02,{expires}"));
    world.wait(BANNER_GUARD_MS);
    assert!(
        without_tags(&world.press("y")).is_empty(),
        "it is reserved and not yet in the account that is shown"
    );
    world.summary(&[
        "ACCOUNT,alice,984.98,137.12,0.00",
        &format!("PENDING,BUY,XYZ,1,15.02,15.02,{expires}"),
        &format!("PENDING,BUY,ABC,1,122.10,122.10,{}", START_MS + 50_000),
    ]);
    world.wait(BANNER_GUARD_MS);
    assert_eq!(without_tags(&world.press("y")), ["COMMIT_BUY,alice"]);
    let tag = world.tag("COMMIT_BUY");
    world.says(&format!("[{tag}] OK,COMMIT_BUY,XYZ,1,15.02,15.02"));
    assert_eq!(
        world.model.next_pending().unwrap().terms.symbol.as_str(),
        "ABC",
        "the banner names what is left at once"
    );
    assert!(
        without_tags(&world.press("yy")).is_empty(),
        "a key held down must not commit the next one"
    );
}

#[test]
fn an_answer_is_only_about_the_form_that_asked_for_it() {
    let mut world = World::live();
    world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
    world.press("b550\n");
    let first = world.tag("BUY,alice,XYZ");
    world.act(Event::Key(Key::Esc));
    world.press("jb200\n");
    world.says(&format!("[{first}] ERR,QUOTE_UNAVAILABLE,no price of XYZ in time"));
    assert!(
        matches!(&world.model.popup, Some(Popup::Form(form)) if form.sending && form.refused.is_none())
    );
    assert!(without_tags(&world.press("\n")).is_empty(), "the second order is still on its way");
    assert!(
        world.model.notice.as_ref().unwrap().0.contains("no price of XYZ"),
        "and the first one's refusal is told"
    );
}

#[test]
fn what_is_chosen_stays_chosen_when_prices_move_it() {
    let mut world = World::live();
    world.summary(&[
        "ACCOUNT,alice,1000.00,0.00,0.00",
        "TRIGGER,BUY,ABC,200.00,110.00,0",
        "TRIGGER,BUY,TSX,100.00,9.30,0",
    ]);
    assert!(world.press("3").is_empty());
    let at_hand = |world: &World| {
        world.model.triggers_by_nearness()[world.model.row(Pane::Triggers)].0.symbol
    };
    assert_eq!(at_hand(&world).as_str(), "TSX", "the nearest");
    world.now_ms += 1_000;
    world.says(&format!("* QUOTE,ABC,110.01,{}", world.now_ms));
    assert_eq!(
        world.model.triggers_by_nearness()[0].0.symbol.as_str(),
        "ABC",
        "another one is nearest now"
    );
    assert_eq!(at_hand(&world).as_str(), "TSX");
    assert_eq!(without_tags(&world.press("x")), ["CANCEL_SET_BUY,alice,TSX"]);
    assert!(
        without_tags(&world.press("x")).is_empty(),
        "not a second one while the first is on its way"
    );
}

#[test]
fn an_order_that_ran_out_is_made_once_more_as_it_was_asked_for_and_for_its_own_stock_only() {
    for (turned, amount) in [(false, "555"), (true, "")] {
        let mut world = World::live();
        world.summary(&["ACCOUNT,alice,1000.00,0.00,0.00"]);
        world.press("b555\n");
        let tag = world.tag("BUY");
        world.says(&format!("[{tag}] OK,BUY,XYZ,36,15.02,540.72,{}", START_MS + 60_000));
        world.says("* EXPIRED,alice,BUY,XYZ,36,15.02,540.72");
        if turned {
            world.press("j");
        }
        world.press("b");
        let Some(Popup::Form(form)) = &world.model.popup else { panic!("closed") };
        assert_eq!(
            (form.symbol.as_str(), form.amount.as_str()),
            (if turned { "ABC" } else { "XYZ" }, amount)
        );
    }
}

#[test]
fn who_cannot_connect_can_leave_with_one_key() {
    let mut model = Model::new("alice", "127.0.0.1:4462", Vec::new(), KeyMap::default(), START_MS);
    assert_eq!(model.update(Event::Key(Key::Esc), START_MS + 1_000), [Effect::Quit]);
    model.update(Event::Link(LinkEvent::Up), START_MS + 2_000);
    assert_eq!(model.update(Event::Key(Key::Esc), START_MS + 3_000), []);
}

fn event() -> impl Strategy<Value = (Option<Event>, u64)> {
    let keys = prop::sample::select(vec![
        Key::Char('b'),
        Key::Char('s'),
        Key::Char('t'),
        Key::Char('y'),
        Key::Char('n'),
        Key::Char('u'),
        Key::Char('x'),
        Key::Char('a'),
        Key::Char('j'),
        Key::Char('1'),
        Key::Char('5'),
        Key::Char('m'),
        Key::Char(':'),
        Key::Char('/'),
        Key::Char('?'),
        Key::Char('r'),
        Key::Char('+'),
        Key::Char('-'),
        Key::Char('q'),
        Key::Char('3'),
        Key::Char('4'),
        Key::Tab,
        Key::Enter,
        Key::Esc,
        Key::Backspace,
        Key::Left,
        Key::Ctrl('c'),
        Key::Ctrl('u'),
    ]);
    let event = prop_oneof![
        12 => keys.prop_map(|key| Some(Event::Key(key))),
        1 => Just(Some(Event::Paste("y\n5\nb".to_owned()))),
        1 => Just(Some(Event::Link(LinkEvent::Up))),
        1 => Just(Some(Event::Link(LinkEvent::Down { cause: "broken".to_owned(), next_try_ms: 0, attempt: 2 }))),
        1 => Just(Some(Event::Click(Spot::Row(Pane::Pending, 0)))),
        // None: the server answers the oldest request.
        8 => Just(None),
    ];
    (event, 0..400_u64)
}

/// What a server might answer to a line.
fn answer(tag: u64, line: &str, now_ms: u64) -> Vec<String> {
    let reply = match line.split(',').next().unwrap() {
        "BUY" => format!("OK,BUY,XYZ,1,15.02,15.02,{}", now_ms + 60_000),
        "COMMIT_BUY" => "OK,COMMIT_BUY,XYZ,1,15.02,15.02".to_owned(),
        "ADD" => "OK,ADD,5.00".to_owned(),
        "DISPLAY_SUMMARY" => {
            return vec![
                format!("[{tag}]-ACCOUNT,alice,1000.00,15.02,0.00"),
                format!(
                    "[{tag}]-PENDING,BUY,XYZ,1,15.02,15.02,{}",
                    now_ms / 5_000 * 5_000 + 60_000
                ),
                format!("[{tag}] OK,DISPLAY_SUMMARY,alice,2"),
            ];
        }
        _ => "ERR,NO_SET_BUY,no".to_owned(),
    };
    vec![format!("[{tag}] {reply}")]
}

proptest! {
    /// Whatever is pressed, answered, lost and however time passes: no tag twice, nothing without a
    /// link, no commit without its own key press, and none of a banner that has just changed.
    #[test]
    fn nothing_is_sent_that_the_trader_did_not_press_now(events in prop::collection::vec(event(), 1..120)) {
        let mut world = World::live();
        let mut tags = std::collections::BTreeSet::new();
        let mut banner = (None, world.now_ms);
        for (event, ms) in events {
            world.now_ms += ms;
            let may_commit = matches!(event, Some(Event::Key(Key::Char('y' | 'n' | 'u') | Key::Enter)));
            let sent = if let Some(event) = event {
                world.act(event)
            } else {
                let oldest = world.model.in_flight.iter().next().map(|(tag, sent)| (*tag, sent.line.clone()));
                let lines = oldest.map_or(Vec::new(), |(tag, line)| answer(tag, &line, world.now_ms));
                lines.iter().flat_map(|line| world.says(line)).collect()
            };
            for line in sent {
                let (tag, request) = line.split_once("] ").unwrap();
                prop_assert!(tags.insert(tag.to_owned()), "{} was used twice", tag);
                prop_assert!(world.model.is_live(), "{} was sent without a link", line);
                if request.starts_with("COMMIT_") || request.starts_with("CANCEL_BUY") || request.starts_with("CANCEL_SELL") {
                    prop_assert!(may_commit, "{} without its key", line);
                    prop_assert!(world.now_ms - banner.1 >= BANNER_GUARD_MS, "{} {} ms after a change", line, world.now_ms - banner.1);
                }
            }
            let subject = world.model.next_pending().map(|order| (order.side, order.terms.symbol, order.expires_at_ms));
            if subject != banner.0 {
                banner = (subject, world.now_ms);
            }
        }
    }
}
