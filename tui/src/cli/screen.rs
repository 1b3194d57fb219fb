//! The trading screen and everything that shows the same without one: `status`, `holdings`, `watch`, `snapshot` …

use super::config::{ConfigFile, LookArgs, save_watchlist};
use super::place::{Place, PlaceArgs};
use crate::exit::{Exit, Failure};
use crate::link::{LinkRequest, spawn_link};
use crate::model::{Effect, Event, Link, LinkEvent, Model, text};
use crate::term::{self, now_ms};
use crate::ui::{self, Look};
use clap::{Args, ValueEnum};
use daytrade_protocol::{Push, ServerLine, Symbol};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use serde_json::{Value, json};
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// How long to wait for everything to be there before showing what is.
const SETTLE: Duration = Duration::from_secs(3);

/// The screen.
#[derive(Clone, Debug, Args)]
pub struct ScreenArgs {
    /// Whose account, on which server.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How it looks.
    #[command(flatten)]
    pub look: LookArgs,
}

/// A command that shows part of the account.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// Whose account, on which server.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Say it as JSON
    #[arg(long)]
    pub json: bool,
}

/// The price of a symbol.
#[derive(Clone, Debug, Args)]
pub struct QuoteOfArgs {
    /// The symbol
    pub symbol: String,
    /// The rest.
    #[command(flatten)]
    pub show: ShowArgs,
}

/// The screen as text.
#[derive(Clone, Debug, Args)]
pub struct SnapshotArgs {
    /// Columns and rows
    #[arg(long, default_value = "120x40", value_parser = parse_size)]
    pub size: (u16, u16),
    /// As HTML, with colours
    #[arg(long)]
    pub html: bool,
    /// Hide money
    #[arg(long)]
    pub hide_money: bool,
    /// The rest.
    #[command(flatten)]
    pub screen: ScreenArgs,
}

/// What can be shown as a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "each is the list of that name")]
pub enum Shown {
    Status,
    Holdings,
    Pending,
    Triggers,
    Activity,
}

fn parse_size(text: &str) -> Result<(u16, u16), String> {
    let size = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    size.filter(|(w, h)| (1..=500).contains(w) && (1..=200).contains(h)).ok_or_else(|| format!("{text:?} is not WxH"))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(Failure::link)
}

/// Opens the screen; leaves a note about the session when it is closed.
///
/// # Errors
/// When the terminal, the server or the configuration cannot be used.
pub fn screen(args: &ScreenArgs) -> Result<Exit, Failure> {
    let config = ConfigFile::read()?;
    let keys = config.keys()?;
    let place = args.place.open()?;
    let model = Model::new(&place.user, &place.address, config.watchlist(), keys, now_ms());
    let shown = runtime()?.block_on(term::run(model, config.options(&args.look)));
    let model = shown.map_err(Failure::usage)?;
    save_watchlist(&model.watchlist);
    place.close()?;
    let mut out = io::stdout().lock();
    for line in leaving_note(&model) {
        let _ = writeln!(out, "{line}");
    }
    Ok(Exit::Done)
}

/// What stays on the normal screen: what was done, and what still runs.
fn leaving_note(model: &Model) -> Vec<String> {
    let mut lines = vec![format!("{}: {} trades", model.user, model.trades)];
    if let Some(account) = &model.account {
        let money = |money| if model.hide_money { "*****".to_owned() } else { text::dollars(money) };
        lines.push(format!("realised profit {}, cash {}", money(account.realised), money(account.cash)));
        for order in &account.pending {
            let left = text::countdown(model.left_ms(order.expires_at_ms));
            let (side, terms) = (order.side.as_str(), order.terms);
            lines.push(format!("still pending: {side} {} {} for {left}", terms.shares, terms.symbol));
        }
        let armed = account.triggers.iter().filter(|trigger| trigger.price.is_some()).count();
        if armed > 0 {
            lines.push(format!("{armed} triggers armed; they fire only while the server runs"));
        }
    }
    let unknown = model.activity.iter().filter(|line| line.verdict == crate::model::Verdict::Unknown);
    lines.extend(unknown.map(|line| format!("UNKNOWN: {} was never answered", line.request)));
    if model.worst_us > 0 {
        lines.push(format!("worst round trip {}", text::millis(model.worst_us)));
    }
    lines
}

/// A model that has heard all it asked for, or has waited long enough.
async fn settled(place: &Place, config: &ConfigFile, symbols: Vec<Symbol>) -> Result<Model, Failure> {
    let keys = config.keys()?;
    let mut model = Model::new(&place.user, &place.address, symbols, keys, now_ms());
    let (ask, mut heard) = spawn_link(place.address.clone(), now_ms);
    let until = tokio::time::Instant::now() + SETTLE;
    let is_settled = |model: &Model| {
        let priced = |symbol: &Symbol| model.quotes.get(*symbol).is_some();
        (model.account.is_some() || model.no_account) && model.watchlist.iter().all(priced)
    };
    while !is_settled(&model) {
        let Ok(Some(event)) = tokio::time::timeout_at(until, heard.recv()).await else { break };
        take(&mut model, event, &ask);
        if let Link::Offline { cause, .. } = &model.link {
            return Err(Failure::link(anyhow::anyhow!("cannot connect: {cause}")));
        }
    }
    Ok(model)
}

fn take(model: &mut Model, event: LinkEvent, ask: &UnboundedSender<LinkRequest>) {
    for effect in model.update(Event::Link(event), now_ms()) {
        if let Effect::Send(line) = effect {
            let _ = ask.send(LinkRequest::Send(line));
        }
    }
}

/// Prints the screen.
///
/// # Errors
/// As [`screen`].
pub fn snapshot(args: &SnapshotArgs) -> Result<Exit, Failure> {
    let config = ConfigFile::read()?;
    let place = args.screen.place.open()?;
    let mut model = runtime()?.block_on(settled(&place, &config, config.watchlist()))?;
    model.hide_money = args.hide_money;
    let (width, height) = args.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    let look: Look = config.options(&args.screen.look).look;
    ui::view(&model, &look, &mut buffer);
    let text = if args.html { html(&buffer) } else { plain(&buffer) };
    place.close()?;
    super::printed(|out| out.write_all(text.as_bytes()))
}

/// A buffer as lines of text.
pub fn plain(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let row = |cells: &[ratatui::buffer::Cell]| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        format!("{}\n", line.trim_end())
    };
    buffer.content.chunks(width).map(row).collect()
}

/// A buffer as a page, with its colours.
pub fn html(buffer: &Buffer) -> String {
    let mut out = String::from("<pre style=\"background:#111;color:#ddd;font-family:monospace\">\n");
    for cells in buffer.content.chunks(usize::from(buffer.area.width).max(1)) {
        for cell in cells {
            let symbol = cell.symbol().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let mut style = String::new();
            let (mut front, mut back) = (css(cell.fg), css(cell.bg));
            if cell.modifier.contains(Modifier::REVERSED) {
                (front, back) = (back.or(Some("#111")), front.or(Some("#ddd")));
            }
            style.extend(front.map(|color| format!("color:{color};")));
            style.extend(back.map(|color| format!("background:{color};")));
            if cell.modifier.contains(Modifier::BOLD) {
                style.push_str("font-weight:bold;");
            }
            if style.is_empty() {
                out.push_str(&symbol);
            } else {
                out.push_str("<span style=\"");
                out.push_str(&style);
                out.push_str("\">");
                out.push_str(&symbol);
                out.push_str("</span>");
            }
        }
        out.push('\n');
    }
    out.push_str("</pre>\n");
    out
}

const fn css(color: Color) -> Option<&'static str> {
    match color {
        Color::Green => Some("#3c3"),
        Color::Red => Some("#e55"),
        Color::Yellow => Some("#ec3"),
        Color::Cyan => Some("#3cc"),
        Color::Blue => Some("#58f"),
        Color::Magenta => Some("#c6c"),
        Color::DarkGray => Some("#777"),
        Color::Indexed(_) => Some("#e90"),
        _ => None,
    }
}

/// Prints part of the account: aligned in a terminal, separated by tabs in a pipe, or as JSON.
///
/// # Errors
/// As [`screen`].
pub fn show(what: Shown, args: &ShowArgs) -> Result<Exit, Failure> {
    let config = ConfigFile::read()?;
    let place = args.place.open()?;
    let model = runtime()?.block_on(settled(&place, &config, Vec::new()))?;
    let (header, rows) = rows_of(what, &model);
    place.close()?;
    print_rows(header, &rows, args.json, what != Shown::Status)
}

/// Prints one price.
///
/// # Errors
/// As [`screen`], and when the symbol is none or has no price.
pub fn quote(args: &QuoteOfArgs) -> Result<Exit, Failure> {
    let no_symbol = || Failure::usage(anyhow::anyhow!("{:?} is no symbol: 1 to 3 letters or digits", args.symbol));
    let symbol = Symbol::parse(args.symbol.as_bytes()).ok_or_else(no_symbol)?;
    let config = ConfigFile::read()?;
    let place = args.show.place.open()?;
    let model = runtime()?.block_on(settled(&place, &config, vec![symbol]))?;
    place.close()?;
    let Some(seen) = model.quotes.get(symbol) else {
        return Err(Failure::link(anyhow::anyhow!("no price of {symbol} in time")));
    };
    let row = vec![json!(symbol.as_str()), json!(seen.price.to_string()), json!(seen.at_ms)];
    print_rows(&["symbol", "price", "at_ms"], &[row], args.show.json, false)
}

fn rows_of(what: Shown, model: &Model) -> (&'static [&'static str], Vec<Vec<Value>>) {
    let none = crate::model::Account::default();
    let account = model.account.as_ref().unwrap_or(&none);
    let money = |money: daytrade_protocol::Money| json!(money.to_string());
    match what {
        Shown::Status => (
            &["user", "cash", "reserved", "realised", "holdings", "pending", "triggers"],
            vec![vec![
                json!(model.user),
                money(account.cash),
                money(account.reserved),
                money(account.realised),
                json!(account.holdings.len()),
                json!(account.pending.len()),
                json!(account.triggers.len()),
            ]],
        ),
        Shown::Holdings => (
            &["symbol", "shares", "free", "reserved", "basis", "average"],
            account
                .holdings
                .iter()
                .map(|h| {
                    vec![
                        json!(h.symbol.as_str()),
                        json!(h.shares()),
                        json!(h.free),
                        json!(h.reserved),
                        money(h.basis),
                        money(h.average()),
                    ]
                })
                .collect(),
        ),
        Shown::Pending => (
            &["side", "symbol", "shares", "price", "total", "left_ms"],
            account
                .pending
                .iter()
                .map(|order| {
                    let terms = order.terms;
                    vec![
                        json!(order.side.as_str()),
                        json!(terms.symbol.as_str()),
                        json!(terms.shares),
                        money(terms.price),
                        money(terms.total),
                        json!(model.left_ms(order.expires_at_ms)),
                    ]
                })
                .collect(),
        ),
        Shown::Triggers => (
            &["side", "symbol", "amount", "price", "shares"],
            account
                .triggers
                .iter()
                .map(|t| {
                    vec![
                        json!(t.side.as_str()),
                        json!(t.symbol.as_str()),
                        money(t.amount),
                        t.price.map_or(Value::Null, money),
                        json!(t.shares),
                    ]
                })
                .collect(),
        ),
        Shown::Activity => (
            &["at_ms", "number", "command", "symbol", "amount", "outcome"],
            account
                .history
                .iter()
                .map(|past| {
                    vec![
                        json!(past.at_ms),
                        json!(past.number),
                        json!(past.command.as_str()),
                        past.symbol.map_or(Value::Null, |symbol| json!(symbol.as_str())),
                        past.amount.map_or(Value::Null, money),
                        json!(past.refused.map_or("OK", daytrade_protocol::Code::as_str)),
                    ]
                })
                .collect(),
        ),
    }
}

fn print_rows(header: &[&str], rows: &[Vec<Value>], as_json: bool, many: bool) -> Result<Exit, Failure> {
    let object =
        |row: &Vec<Value>| Value::Object(header.iter().map(|name| (*name).to_owned()).zip(row.clone()).collect());
    if as_json {
        let objects: Vec<_> = rows.iter().map(object).collect();
        let shown = if many { Value::Array(objects) } else { objects.into_iter().next().unwrap_or(Value::Null) };
        return super::printed(|out| writeln!(out, "{shown}"));
    }
    let words = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let mut lines: Vec<Vec<String>> = vec![header.iter().map(|name| (*name).to_owned()).collect()];
    lines.extend(rows.iter().map(|row| row.iter().map(words).collect()));
    if !io::stdout().is_terminal() {
        return super::printed(|out| lines.iter().try_for_each(|line| writeln!(out, "{}", line.join("\t"))));
    }
    let widths: Vec<usize> =
        (0..header.len()).map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0)).collect();
    super::printed(|out| {
        lines.iter().try_for_each(|line| {
            let cells: Vec<_> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(out, "{}", cells.join("  ").trim_end())
        })
    })
}

/// Prints one JSON object for each change, as it happens, until the link is lost or nobody reads any more.
///
/// # Errors
/// As [`screen`], and when the link is lost.
pub fn watch(args: &ShowArgs) -> Result<Exit, Failure> {
    let config = ConfigFile::read()?;
    let place = args.place.open()?;
    let watched = runtime()?.block_on(async {
        let mut model = Model::new(&place.user, &place.address, config.watchlist(), config.keys()?, now_ms());
        let (ask, mut heard) = spawn_link(place.address.clone(), now_ms);
        loop {
            tokio::select! {
                event = heard.recv() => {
                    let Some(event) = event else { return Ok(Exit::Done) };
                    let change = match &event {
                        LinkEvent::Line { line: ServerLine::Push(push), .. } => Some(pushed(push)),
                        LinkEvent::Down { cause, .. } => {
                            return Err(Failure::link(anyhow::anyhow!("the link is lost: {cause}")));
                        }
                        _ => None,
                    };
                    take(&mut model, event, &ask);
                    if let Some(change) = change {
                        let mut out = io::stdout().lock();
                        let line = if args.json { change.to_string() } else { plain_change(&change) };
                        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                            return Ok(Exit::Done);
                        }
                    }
                }
                _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
            }
        }
    });
    place.close()?;
    watched
}

fn pushed(push: &Push) -> Value {
    match push {
        Push::Quote { symbol, price, at_ms } => {
            json!({"type": "quote", "symbol": symbol.as_str(), "price": price.to_string(), "at_ms": at_ms})
        }
        Push::Expired { user, side, terms } | Push::Filled { user, side, terms } => json!({
            "type": if matches!(push, Push::Filled { .. }) { "filled" } else { "expired" },
            "user": user.as_str(), "side": side.as_str(), "symbol": terms.symbol.as_str(),
            "shares": terms.shares, "price": terms.price.to_string(), "total": terms.total.to_string(),
        }),
        Push::Account { user, available, reserved, realised } => json!({
            "type": "account", "user": user.as_str(), "available": available.to_string(),
            "reserved": reserved.to_string(), "realised": realised.to_string(),
        }),
        Push::ByeSlowConsumer => json!({"type": "bye", "reason": "SLOW_CONSUMER"}),
        Push::ByeIdle => json!({"type": "bye", "reason": "IDLE"}),
    }
}

fn plain_change(change: &Value) -> String {
    let words = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let values = change.as_object().into_iter().flatten();
    values.map(|(name, value)| format!("{name}={}", words(value))).collect::<Vec<_>>().join(" ")
}
