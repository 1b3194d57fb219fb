//! The time that the screen takes to handle a price and to draw a frame. Run with `cargo bench -p
//! daytrade-tui`.

#![allow(missing_docs, reason = "criterion's macros make the items")]
#![allow(clippy::unwrap_used, reason = "a benchmark ends at the first error")]

use criterion::{Criterion, criterion_group, criterion_main};
use daytrade_protocol::{Body, Command, ServerLine, Symbol, Tag, UserName};
use daytrade_tui::app::{App, Effect, Event, KeyMap, LinkEvent, Settings};
use daytrade_tui::ui::{ColumnWidths, RenderOptions, view};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const START_MS: u64 = 1_795_334_400_000;
const SYMBOLS: u64 = 100;
/// The length of the prices' history.
const HOUR_MS: u64 = 3_600_000;

fn receive(app: &mut App, text: &str, now_ms: u64) -> Vec<Effect> {
    let line = ServerLine::parse(text.as_bytes()).unwrap();
    app.update(
        Event::Link(LinkEvent::Line { line, text: text.to_owned(), took_us: Some(400) }),
        now_ms,
    )
}

fn symbol(number: u64) -> String {
    let letter = |number: u64| char::from(b'A' + (number % 26) as u8);
    [letter(number / 26), letter(number), 'X'].iter().collect()
}

/// Returns the tag of the summary that is requested.
fn summary_tag(effects: &[Effect]) -> u64 {
    let tag = effects.iter().find_map(|effect| match effect {
        Effect::Send(request) => match &request.body {
            Body::Command(Command::DisplaySummary { .. }) => request.tag,
            _ => None,
        },
        _ => None,
    });
    tag.map(Tag::get).unwrap()
}

/// Creates a screen with a hundred symbols, an hour of prices, holdings, orders, triggers and a
/// thousand lines of activity.
fn busy() -> App {
    let symbols =
        (0..SYMBOLS).filter_map(|number| Symbol::parse(symbol(number).as_bytes())).collect();
    let user = UserName::parse(b"alice").unwrap();
    let mut app = App::new(user, "127.0.0.1:4462", symbols, KeyMap::default(), START_MS);
    let tag = summary_tag(&app.update(Event::Link(LinkEvent::Up(None)), START_MS));
    for second in 0..3_600 {
        for number in 0..SYMBOLS {
            let at_ms = START_MS + second * 1_000;
            receive(
                &mut app,
                &format!("* QUOTE,{},{}.{:02},{at_ms}", symbol(number), 10 + number, second % 97),
                at_ms,
            );
        }
    }
    let now_ms = START_MS + HOUR_MS;
    receive(&mut app, &format!("[{tag}]-ACCOUNT,alice,12480.15,2529.12,333.94"), now_ms);
    for number in 0..20 {
        let name = symbol(number);
        receive(&mut app, &format!("[{tag}]-HOLDING,{name},120,0,1704.00"), now_ms);
        receive(
            &mut app,
            &format!("[{tag}]-PENDING,BUY,{name},36,15.02,540.72,{}", now_ms + 36_000),
            now_ms,
        );
        receive(&mut app, &format!("[{tag}]-TRIGGER,SELL,{name},900.00,15.50,58"), now_ms);
    }
    receive(&mut app, &format!("[{tag}] OK,DISPLAY_SUMMARY,alice,61"), now_ms);
    for _ in 0..1_000 {
        receive(&mut app, "* FILLED,alice,SELL,AAX,20,9.40,188.00", now_ms);
    }
    app
}

fn screen(criterion: &mut Criterion) {
    let mut app = busy();
    let options = RenderOptions::for_settings(&Settings::default());
    let mut widths = ColumnWidths::default();
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        criterion.bench_function(&format!("view {width}x{height}"), |bencher| {
            bencher.iter(|| {
                buffer.reset();
                view(&app, &options, &mut widths, &mut buffer)
            });
        });
    }
    let mut now_ms = START_MS + HOUR_MS;
    criterion.bench_function("update, a price", |bencher| {
        bencher.iter(|| {
            now_ms += 1;
            receive(&mut app, &format!("* QUOTE,AAX,15.{:02},{now_ms}", now_ms % 97), now_ms)
        });
    });
}

criterion_group!(benches, screen);
criterion_main!(benches);
