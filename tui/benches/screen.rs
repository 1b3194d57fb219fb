//! How long the screen takes to take a price in and to draw itself. Run with `cargo bench -p
//! daytrade-tui`.

#![allow(missing_docs, reason = "criterion's macros make the items")]
#![allow(clippy::unwrap_used, reason = "a benchmark ends where something is not as it should be")]

use criterion::{Criterion, criterion_group, criterion_main};
use daytrade_protocol::{ServerLine, Symbol};
use daytrade_tui::model::{Effect, Event, KeyMap, LinkEvent, Model, Settings};
use daytrade_tui::ui::{Look, view};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const START_MS: u64 = 1_795_334_400_000;
const SYMBOLS: u64 = 100;

fn says(model: &mut Model, text: &str, now_ms: u64) -> Vec<Effect> {
    let line = ServerLine::parse(text.as_bytes()).unwrap();
    model.update(
        Event::Link(LinkEvent::Line { line, text: text.to_owned(), took_us: Some(400) }),
        now_ms,
    )
}

fn symbol(number: u64) -> String {
    let letter = |number: u64| char::from(b'A' + (number % 26) as u8);
    [letter(number / 26), letter(number), 'X'].iter().collect()
}

/// A hundred symbols with an hour of prices, positions, orders, triggers, a thousand lines of
/// activity.
fn busy() -> Model {
    let symbols =
        (0..SYMBOLS).filter_map(|number| Symbol::parse(symbol(number).as_bytes())).collect();
    let mut model = Model::new("alice", "127.0.0.1:4462", symbols, KeyMap::default(), START_MS);
    model.update(Event::Link(LinkEvent::Up), START_MS);
    for second in 0..3_600 {
        for number in 0..SYMBOLS {
            let at_ms = START_MS + second * 1_000;
            says(
                &mut model,
                &format!("* QUOTE,{},{}.{:02},{at_ms}", symbol(number), 10 + number, second % 97),
                at_ms,
            );
        }
    }
    let now_ms = START_MS + 3_600_000;
    let tag = *model
        .in_flight
        .iter()
        .find(|(_, sent)| sent.line.starts_with("DISPLAY_SUMMARY"))
        .unwrap()
        .0;
    says(&mut model, &format!("[{tag}]-ACCOUNT,alice,12480.15,2529.12,333.94"), now_ms);
    for number in 0..20 {
        let name = symbol(number);
        says(&mut model, &format!("[{tag}]-HOLDING,{name},120,0,1704.00"), now_ms);
        says(
            &mut model,
            &format!("[{tag}]-PENDING,BUY,{name},36,15.02,540.72,{}", now_ms + 36_000),
            now_ms,
        );
        says(&mut model, &format!("[{tag}]-TRIGGER,SELL,{name},900.00,15.50,58"), now_ms);
    }
    says(&mut model, &format!("[{tag}] OK,DISPLAY_SUMMARY,alice,61"), now_ms);
    for _ in 0..1_000 {
        says(&mut model, "* FILLED,alice,SELL,AAX,20,9.40,188.00", now_ms);
    }
    model
}

fn screen(criterion: &mut Criterion) {
    let mut model = busy();
    let look = Look::of(&Settings::default());
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        criterion.bench_function(&format!("view {width}x{height}"), |bencher| {
            bencher.iter(|| {
                buffer.reset();
                view(&model, &look, &mut buffer)
            });
        });
    }
    let mut now_ms = model.now_ms;
    criterion.bench_function("update, a price", |bencher| {
        bencher.iter(|| {
            now_ms += 1;
            says(&mut model, &format!("* QUOTE,AAX,15.{:02},{now_ms}", now_ms % 97), now_ms)
        });
    });
}

criterion_group!(benches, screen);
criterion_main!(benches);
