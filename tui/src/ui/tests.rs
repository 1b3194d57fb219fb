//! The screen at every size and in every state: its text, its styles, and that nothing is cut.

use super::{ColumnWidths, Glyphs, RenderOptions, Theme, view};
use crate::account_at::{AccountAt, Order};
use crate::app::tests::World;
use crate::app::{App, Event, Key, KeyMap, LinkEvent, Screen, ThemeName};
use crate::cli::snapshot::plain;
use crate::replay_message::{Exchange, Instant, Pace, Progress, Stage};
use daytrade_protocol::{Money, Side, Symbol, TradeTerms};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;
use std::sync::Arc;

const UNICODE: RenderOptions =
    RenderOptions { theme: MONO, glyphs: Glyphs::UNICODE, reduce_motion: true };
const MONO: Theme = Theme {
    text: ratatui::style::Style::new(),
    dim: ratatui::style::Style::new(),
    title: ratatui::style::Style::new(),
    border: ratatui::style::Style::new(),
    focus: ratatui::style::Style::new(),
    up: ratatui::style::Style::new(),
    down: ratatui::style::Style::new(),
    warn: ratatui::style::Style::new(),
    bad: ratatui::style::Style::new(),
    ok: ratatui::style::Style::new(),
    selected: ratatui::style::Style::new(),
};

fn options(ascii: bool, theme: ThemeName) -> RenderOptions {
    let glyphs = if ascii { Glyphs::ASCII } else { Glyphs::UNICODE };
    RenderOptions { theme: Theme::new(theme), glyphs, ..UNICODE }
}

fn drawn(world: &World, options: &RenderOptions, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view(&world.app, options, &mut ColumnWidths::default(), &mut buffer);
    buffer
}

/// Creates a screen with content in every pane.
fn busy() -> World {
    let mut world = World::live();
    // A minute of prices, the last one now.
    for (step, cents) in [1500, 1510, 1490, 1495, 1520, 1502].into_iter().enumerate() {
        let at = world.now_ms + 10_000 * step as u64;
        world.receive(&format!("* QUOTE,XYZ,{}.{:02},{at}", cents / 100, cents % 100));
    }
    world.wait(50_000);
    // The requests of the start get their replies at once.
    world.app.connection.set_sent_ms(world.now_ms);
    for (symbol, price) in [("ABC", "122.10"), ("TSX", "9.31")] {
        let now_ms = world.now_ms;
        world.receive(&format!("* QUOTE,{symbol},{price},{now_ms}"));
    }
    let soon = world.now_ms + 36_000;
    let sooner = world.now_ms + 9_000;
    let account = [
        "ACCOUNT,alice,12480.15,2529.12,333.94".to_owned(),
        "HOLDING,ABC,20,0,2375.00".to_owned(),
        "HOLDING,TSX,250,50,2952.00".to_owned(),
        "HOLDING,XYZ,62,58,1704.00".to_owned(),
        format!("PENDING,BUY,XYZ,36,15.02,540.72,{soon}"),
        format!("PENDING,SELL,TSX,50,9.31,465.50,{sooner}"),
        "TRIGGER,BUY,TSX,1000.00,9.10,0".to_owned(),
        "TRIGGER,BUY,MAO,500.00,,0".to_owned(),
        "TRIGGER,SELL,XYZ,900.00,15.50,58".to_owned(),
    ];
    let account: Vec<&str> = account.iter().map(String::as_str).collect();
    world.summary(&account);
    world.press("b200\n");
    let tag = world.tag("BUY");
    world.receive(&format!(
        "[{tag}] ERR,AMOUNT_TOO_SMALL,one share costs 210.02: this amount buys 0 shares"
    ));
    world.handle(Event::Key(Key::Esc));
    world.receive("* FILLED,alice,SELL,TSX,20,9.40,188.00");
    // All requests get a reply.
    while world.is_in_flight("DISPLAY_SUMMARY") {
        world.summary(&account);
    }
    world.wait(4_000);
    world
}

/// Creates a screen with the largest amounts and the longest texts.
fn extreme() -> World {
    let mut world = World::of_user(&"u".repeat(64));
    let soon = world.now_ms + 36_000;
    let most = "999999999999999.99";
    world.summary(&[
        &format!("ACCOUNT,alice,{most},{most},-{most}"),
        &format!("HOLDING,XYZ,888888888888888,1,{most}"),
        &format!("PENDING,BUY,XYZ,999999999999,4999.00,999999999999.99,{soon}"),
        "TRIGGER,SELL,XYZ,999999999999.99,999999999999.99,888888888888888",
    ]);
    world.press("b5\n");
    world
}

#[test]
fn the_screen_at_every_size() {
    let world = busy();
    for (width, height) in [(40, 12), (80, 24), (120, 40), (200, 60)] {
        for ascii in [false, true] {
            let name = format!("{width}x{height}{}", if ascii { "-ascii" } else { "" });
            insta::assert_snapshot!(
                name,
                plain(&drawn(&world, &options(ascii, ThemeName::Mono), width, height))
            );
        }
    }
}

#[test]
fn the_screen_in_every_state() {
    let mut world = World::live();
    let options = options(true, ThemeName::Mono);
    let shown = |world: &World| plain(&drawn(world, &options, 80, 24));
    insta::assert_snapshot!("loading", shown(&world));
    let tag = world.tag("DISPLAY_SUMMARY");
    world.receive(&format!("[{tag}] ERR,NO_ACCOUNT,add money first"));
    insta::assert_snapshot!("first-start", shown(&world));
    let mut world = busy();
    for (name, keys) in [
        ("ticket", "b550"),
        ("ticket-refused", "s9999"),
        ("alert", "!15.50"),
        ("help", "?"),
        ("command", ":hi"),
        ("command-preview", ":buy xyz 550"),
        ("settings", ","),
        ("log", "`"),
        ("quit", "q"),
        ("filter", "/chg<x"),
    ] {
        world.press(keys);
        insta::assert_snapshot!(name, shown(&world));
        world.app.view.take_popup();
    }
    world.handle(Event::Key(Key::Esc));
    world.press("]f");
    world.handle(Event::Key(Key::Enter));
    insta::assert_snapshot!("chart-bars", shown(&world));
    world.handle(Event::Key(Key::Enter));
    for (name, screen) in [
        ("holdings", Screen::Holdings),
        ("triggers", Screen::Triggers),
        ("activity", Screen::Activity),
    ] {
        world.app.view.show(screen);
        insta::assert_snapshot!(name, shown(&world));
    }
    world.app.view.show(Screen::Trade);
    world.press("$");
    let hidden = shown(&world);
    assert!(!hidden.contains("12,480") && hidden.contains("Cash *****"), "{hidden}");
    world.press("$y");
    let (cause, next_try_ms) =
        ("127.0.0.1:4462: connection refused".to_owned(), world.now_ms + 3_000);
    world.handle(Event::Link(LinkEvent::Down { cause, next_try_ms, attempt: 4 }));
    insta::assert_snapshot!("offline", shown(&world));
    world.handle(Event::Link(LinkEvent::Up(None)));
    world.summary(&["ACCOUNT,alice,13020.87,1500.00,333.94", "TRIGGER,BUY,TSX,1000.00,9.10,0"]);
    insta::assert_snapshot!("back-again", shown(&world));
}

/// Creates an account at an instant of a replay.
fn account_at() -> AccountAt {
    let symbol = Symbol::parse(b"XYZ").unwrap();
    let price = Money::from_cents(1_502);
    let terms = TradeTerms { symbol, shares: 36, price, total: Money::from_cents(54_072) };
    AccountAt {
        cash: Money::from_cents(12_702_306),
        reserved: Money::from_cents(54_072),
        pending: vec![Order { side: Side::Buy, terms }],
        free: [(symbol, 120)].into(),
        ..AccountAt::default()
    }
}

/// Creates a screen with a replay at its first refusal.
fn replaying() -> World {
    let mut world = World::live();
    world.app = App::for_replay("10User.txt", KeyMap::default(), world.now_ms);
    let exchange = |file_line, request: &str, reply: &str, refused| {
        let (request, reply) = (request.to_owned(), reply.to_owned());
        Exchange { file_line, request, reply, refused, difference: None }
    };
    let progress = Progress {
        file: "10User.txt".to_owned(),
        bytes: (400_000, 252_000),
        lines: 6_314,
        ok: 6_201,
        refused: 113,
        wall_us: 150_000,
        stage: Stage::Running,
        pace: Pace::Paused,
        exchanges: [
            exchange(6_313, "[6313] ADD,oY01WVirLr,63511.53", "[6313] OK,ADD,127023.06", None),
            exchange(
                6_314,
                "[6314] COMMIT_BUY,oY01WVirLr",
                "[6314] ERR,NO_PENDING_BUY,no pending buy",
                Some("NO_PENDING_BUY"),
            ),
        ]
        .into_iter()
        .collect(),
        reasons: [("NO_PENDING_BUY", 113)].into(),
        instant: Some(Instant {
            exchange: 1,
            account: Ok(("oY01WVirLr".to_owned(), Arc::new(account_at()))),
        }),
        ..Progress::default()
    };
    world.handle(Event::Replay(Box::new(progress)));
    world
}

#[test]
fn a_replay_at_every_size() {
    let world = replaying();
    for (width, height) in [(40, 12), (80, 24), (120, 40)] {
        let options = options(true, ThemeName::Mono);
        insta::assert_snapshot!(
            format!("replay-{width}x{height}"),
            plain(&drawn(&world, &options, width, height))
        );
    }
}

#[test]
fn the_styles_of_each_theme() {
    let world = busy();
    for theme in [
        ThemeName::Default,
        ThemeName::Safe,
        ThemeName::Inverted,
        ThemeName::Light,
        ThemeName::Mono,
    ] {
        let buffer = drawn(&world, &options(true, theme), 80, 24);
        let mut dump = String::new();
        for (row, cells) in buffer.content.chunks(80).enumerate() {
            let mut from = 0;
            for to in 1..=80 {
                let style = |at: usize| (cells[at].fg, cells[at].bg, cells[at].modifier);
                if to == 80 || style(to) != style(from) {
                    let (fg, _, modifier) = style(from);
                    if (fg, modifier) != (Color::Reset, Modifier::empty()) {
                        writeln!(dump, "{row:02} {from:02}-{to:02} {fg:?} {modifier:?}").unwrap();
                    }
                    from = to;
                }
            }
        }
        if theme == ThemeName::Mono {
            assert!(
                buffer
                    .content
                    .iter()
                    .all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset),
                "no colour"
            );
        }
        insta::assert_snapshot!(format!("style-{theme:?}").to_lowercase(), dump);
    }
}

/// Draws every screen and popup at every size from 1 x 1: there is no panic, and no number is cut.
#[test]
fn no_number_is_cut_at_any_size() {
    let heights = [1, 2, 4, 5, 7, 8, 12, 17, 18, 24, 70];
    let widths = (1..=220_u16).filter(|width| *width <= 110 || width % 9 == 0);
    let popups = ["", "b5", "t5", "a5", "?", ":buy xyz 5", "q", "!5", ",", "`", "/x", "z", "]f"];
    let sizes: Vec<(u16, u16)> =
        widths.flat_map(|width| heights.map(|height| (width, height))).collect();
    for make in [busy, extreme, replaying] {
        for (screen, popups) in [
            (Screen::Trade, &popups[..]),
            (Screen::Holdings, &popups[..1]),
            (Screen::Triggers, &popups[..1]),
            (Screen::Activity, &popups[..1]),
            (Screen::Replay, &popups[..1]),
        ] {
            for (nth, popup) in popups.iter().enumerate() {
                let mut world = make();
                world.handle(Event::Key(Key::Esc));
                world.app.view.show(screen);
                world.press(popup);
                let options = options(nth % 2 == 0, ThemeName::Default);
                // Every size for the bare screens, fewer for the others.
                for (width, height) in sizes
                    .iter()
                    .skip(nth)
                    .step_by(if popup.is_empty() && screen == Screen::Trade { 1 } else { 19 })
                {
                    let text = plain(&drawn(&world, &options, *width, *height));
                    if !popup.is_empty() {
                        continue;
                    }
                    for line in text.lines() {
                        assert_whole(line, *width, *height);
                    }
                }
            }
        }
    }
}

/// Checks that a number that begins like one of these is complete.
fn assert_whole(line: &str, width: u16, height: u16) {
    for number in ["12,480.15", "2,529.12", "540.72", "999,999,999,999,999.99"] {
        let head = &number[..number.len() - 3];
        for (at, _) in line.match_indices(head) {
            let part_of_another = line[..at].ends_with(|c: char| c.is_ascii_digit() || c == ',');
            let mut rest = line[at + head.len()..].chars();
            let cents = rest.next() == Some('.')
                && rest.by_ref().take(2).filter(char::is_ascii_digit).count() == 2;
            let longer =
                line[at + head.len()..].starts_with(|c: char| c == ',' || c.is_ascii_digit());
            assert!(
                cents || longer || part_of_another,
                "{number} is cut at {width}x{height}: {line}"
            );
        }
    }
}
