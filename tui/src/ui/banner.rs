//! The lines that never scroll away: no link, and the order that the next commit is about.

use super::{Pen, span};
use crate::model::{Action, Link, Model, Verdict, text};
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Line;

/// How many lines there are that must not scroll away: no link, an order that waits.
pub(super) fn banner_lines(model: &Model) -> u16 {
    u16::from(matches!(model.link, Link::Offline { .. }))
        + u16::from(unknown(model).is_some())
        + u16::from(model.next_pending().is_some())
}

/// The newest request that was never answered and is not settled yet.
fn unknown(model: &Model) -> Option<&crate::model::Line> {
    model.activity.iter().rev().find(|line| line.verdict == Verdict::Unknown)
}

/// No link, or the order that the next commit is about.
pub(super) fn banner(pen: &mut Pen<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let (model, theme) = (pen.model, pen.look.theme);
    if let Link::Offline { since_ms, cause, next_try_ms, attempt } = &model.link {
        let down = text::countdown((model.now_ms - since_ms).max(10_000));
        let down = if model.now_ms - since_ms < 10_000 {
            format!("0:0{}", (model.now_ms - since_ms) / 1_000)
        } else {
            down
        };
        let next = next_try_ms.saturating_sub(model.now_ms).div_ceil(1_000);
        let words = [
            format!(" !! OFFLINE {down} "),
            format!(" {cause}."),
            format!(" Next try in {next} s (attempt {attempt})."),
            format!(" Trading waits; {} tries now ", pen.key(Action::Reconnect)),
        ];
        let mut line = String::new();
        for word in words {
            if line.chars().count() + word.chars().count() <= usize::from(area.width) {
                line += &word;
            }
        }
        pen.line(area, 0, Line::from(span(line, theme.bad)));
    }
    if let Some(lost) = unknown(model) {
        let name = lost.request.split(',').next().unwrap_or_default();
        let words = [
            format!(" ?? {name} sent {}, no reply: UNKNOWN.", text::clock(lost.at_ms)),
            " The server is asked after reconnecting.".to_owned(),
            " It is never sent twice.".to_owned(),
        ];
        let mut line = String::new();
        for word in words {
            if line.chars().count() + word.chars().count() <= usize::from(area.width) {
                line += &word;
            }
        }
        let row = u16::from(matches!(model.link, Link::Offline { .. }));
        pen.line(area, row, Line::from(span(line, theme.warn)));
    }
    let Some(order) = model.next_pending() else { return };
    let row = banner_lines(model) - 1;
    let left = model.left_ms(order.expires_at_ms);
    let late = model.round_trip(990).unwrap_or(0) / 500;
    let style = match left {
        20_001.. => theme.warn,
        5_001..=20_000 => theme.warn.add_modifier(Modifier::BOLD),
        _ => theme.bad.add_modifier(Modifier::REVERSED),
    };
    let total = pen.money(order.terms.total);
    let (side, symbol, shares, price) = (
        order.side.as_str(),
        order.terms.symbol,
        pen.count(order.terms.shares),
        text::dollars(order.terms.price),
    );
    let about = if model.is_live() { "" } else { "about " };
    let clock =
        if left == 0 { "expired".to_owned() } else { format!("{about}{}", text::countdown(left)) };
    let sent = model.waiting().iter().find_map(|line| {
        let name = line.split(',').next()?;
        (name.starts_with("COMMIT_") || name.starts_with("CANCEL_")).then(|| name.to_owned())
    });
    let keys = if left == 0 {
        String::new()
    } else if !model.is_live() {
        " left if the server runs".to_owned()
    } else if let Some(name) = sent {
        format!("   {name} sent, waiting for the reply")
    } else if left <= late {
        format!(
            "  too late to be sure  {} COMMIT  {} cancel",
            pen.key(Action::Commit),
            pen.key(Action::Cancel)
        )
    } else {
        format!("   {} COMMIT  {} cancel", pen.key(Action::Commit), pen.key(Action::Cancel))
    };
    let more = model.pending().count() - 1;
    let more = if more > 0 { format!("  +{more}") } else { String::new() };
    let width = usize::from(area.width);
    let long = format!(" >> {side} {shares} {symbol} @ {price} = {total} ");
    let short = format!(" >> {side} {symbol} {total} ");
    // The two keys stay, whatever else has to go.
    let tight =
        short.chars().count() + clock.chars().count() + keys.chars().count() + more.chars().count()
            > width;
    let keys = if tight && left > 0 && model.is_live() {
        format!(" {}/{}", pen.key(Action::Commit), pen.key(Action::Cancel))
    } else {
        keys
    };
    // What is left when the server hears a key pressed now.
    let spare = left.saturating_sub(late / 2);
    let spare = format!(
        "   {} now would arrive with {}.{} s to spare",
        pen.key(Action::Commit),
        spare / 1_000,
        spare % 1_000 / 100
    );
    let spare = if width >= 150 && left > late && model.is_live() { spare } else { String::new() };
    let keys = format!("{spare}{keys}");
    let must = clock.chars().count() + keys.chars().count() + more.chars().count() + 1;
    let subject = if long.chars().count() + must <= width { long } else { short };
    let room = width.saturating_sub(subject.chars().count() + must + 3);
    let bar = if room >= 6 {
        format!(
            "[{}] ",
            pen.look.glyphs.bar(left, 60_000, room.min(if width >= 150 { 60 } else { 30 }) - 1)
        )
    } else {
        String::new()
    };
    pen.line(area, row, Line::from(span(format!("{subject}{bar}{clock}{keys}{more}"), style)));
}
