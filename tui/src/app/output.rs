//! The output of the screen for other programs: copies to the clipboard and the export of the
//! activity.

use super::{App, Effect, Outcome, Pane, Screen};

/// Copies request and reply of the selected row.
pub(super) fn copy(app: &mut App, effects: &mut Vec<Effect>) {
    if app.view.screen() != Screen::Replay {
        copy_activity(app, app.row(Pane::Activity), effects);
        return;
    }
    let row = app.row(Pane::Replay);
    let exchange = app.replay.number_at(row).and_then(|number| app.replay.exchange(number));
    let Some(exchange) = exchange else { return };
    effects.push(Effect::Copy(format!("{}\n{}", exchange.request, exchange.reply)));
    app.notify("copied");
}

/// Copies request and reply of a line of activity, counted from the newest.
pub(super) fn copy_activity(app: &mut App, row: usize, effects: &mut Vec<Effect>) {
    let Some(line) = app.shown_activity().nth(row) else { return };
    let request = if line.outcome == Outcome::News {
        String::new()
    } else {
        format!("[{}] {}\n", line.tag, line.subject.wire_line())
    };
    effects.push(Effect::Copy(format!("{request}{}", line.reply)));
    app.notify("copied");
}

/// Exports the activity that is displayed, or matches the search, as tab-separated values, oldest
/// first.
pub(super) fn export(app: &mut App, effects: &mut Vec<Effect>) {
    if app.rows(Pane::Activity) == 0 {
        app.notify("no activity to export yet");
        return;
    }
    let mut text = String::from("at_ms\ttag\toutcome\trequest\treply\twords\ttook_us\n");
    let mut lines: Vec<_> = app.shown_activity().collect();
    lines.reverse();
    for line in lines {
        let took = line.took_us.map_or(String::new(), |took| took.to_string());
        let outcome = format!("{:?}", line.outcome).to_lowercase();
        let fields = [line.subject.wire_line().as_str(), &line.reply, &line.message]
            .map(|field| field.replace(['\t', '\n'], " "));
        let (at_ms, tag) = (line.at_ms.to_string(), line.tag.to_string());
        text += &[&at_ms, &tag, outcome.as_str(), &fields.join("\t"), &took].join("\t");
        text.push('\n');
    }
    let name = format!("daytrade-{}-{}.tsv", app.connection.user(), app.clock.now_ms());
    effects.push(Effect::Export { name, text });
}
