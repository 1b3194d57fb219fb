//! The window with all keys in groups, and the letters and marks of the lists.

use super::popups::middle;
use super::text_width::fit_words;
use super::{DrawContext, span};
use crate::app::Action;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// The minimum width of two columns.
const TWO_COLUMNS: u16 = 84;
/// The marks of the lists.
const LEGEND: [(&str, &str); 6] = [
    ("H P T", "held, order pending, trigger set"),
    ("B S", "chart: bought, sold"),
    ("~", "from an old price"),
    ("NEXT", "order that y commits"),
    ("stale", "price older than 60 s"),
    ("#123", "transaction number in the log"),
];

/// One row of the help: a group, or a key with its action.
enum Row {
    Group(&'static str),
    Key(String, &'static str),
}

/// Returns the rows of the groups, with the name of each above its keys.
fn rows(ctx: &DrawContext<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut group = "";
    for action in Action::ALL {
        if action.group() != group {
            group = action.group();
            rows.push(Row::Group(group));
        }
        rows.push(Row::Key(ctx.app.keys.keys(*action), action.help()));
    }
    rows.push(Row::Group("Marks"));
    rows.extend(LEGEND.map(|(mark, meaning)| Row::Key(mark.to_owned(), meaning)));
    rows
}

/// Draws all keys with their actions from a row on.
pub(super) fn help(ctx: &mut DrawContext<'_>, area: Rect, from: usize) {
    let all = rows(ctx);
    let columns = if area.width >= TWO_COLUMNS { 2 } else { 1 };
    let rows_of_column = all.len().div_ceil(columns);
    let wanted = u16::try_from(rows_of_column).unwrap_or(u16::MAX).saturating_add(2);
    let window = middle(area, 100, wanted);
    ctx.clear(window);
    let visible = usize::from(window.height.saturating_sub(2));
    let from = from.min(rows_of_column.saturating_sub(visible));
    let (down, up) = (ctx.key(Action::Down), ctx.key(Action::Up));
    let (state, footer) = if rows_of_column > visible {
        let last = (from + visible).min(rows_of_column);
        (format!("{last}/{rows_of_column}"), format!("{down} {up} scroll, any other key closes"))
    } else {
        (String::new(), "any key closes".to_owned())
    };
    let inner = ctx.frame(window, "Keys", &state, &footer, true);
    let width = inner.width / columns as u16;
    for (column, rows) in all.chunks(rows_of_column).enumerate() {
        let place = Rect { x: inner.x + column as u16 * width, width, ..inner };
        for (row, shown) in (0..place.height).zip(rows.iter().skip(from)) {
            draw_row(ctx, place, row, shown);
        }
    }
}

fn draw_row(ctx: &mut DrawContext<'_>, place: Rect, row: u16, shown: &Row) {
    let theme = ctx.options.theme;
    let line = match shown {
        Row::Group(name) => Line::from(span(format!(" {}", name.to_uppercase()), theme.dim)),
        Row::Key(keys, help) => {
            let help = fit_words(help, usize::from(place.width).saturating_sub(17));
            Line::from(vec![span(format!("   {keys:<12} "), theme.title), span(help, theme.text)])
        }
    };
    ctx.line(place, row, line);
}
