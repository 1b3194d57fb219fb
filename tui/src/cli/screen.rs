//! The trading screen: runs it in a terminal, or loads its model for the queries that print the
//! same data.

use super::config::{AppearanceArgs, ConfigFile, save_settings};
use super::endpoint::{Endpoint, EndpointArgs};
use super::saved;
use crate::app::{App, Effect, Event, KeyMap, Link, LinkEvent, text};
use crate::exit::{Exit, Failure};
use crate::link::{LinkRequest, spawn_link};
use crate::net::{ANSWER_TIMEOUT, no_answer};
use crate::replay::ReplayArgs;
use crate::replay_message::Stage;
use crate::term::{self, ScreenContent, ScreenOptions, now_ms};
use clap::Args;
use daytrade_protocol::{Code, Symbol};
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// Timeout of a connection with a login.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(15);

/// Timeout of the first prices, longer than any quote may take.
const QUOTE_TIMEOUT: Duration = Duration::from_secs(6);

/// Options of the screen.
#[derive(Clone, Debug, Args)]
pub(crate) struct ScreenArgs {
    /// Server and user.
    #[command(flatten)]
    pub endpoint: EndpointArgs,
    /// Appearance.
    #[command(flatten)]
    pub appearance: AppearanceArgs,
}

/// Returns the runtime of the screen and the queries.
///
/// # Errors
/// A link failure, if the runtime cannot start.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Failure::link)
}

/// Runs the screen, then prints a summary of the session.
///
/// # Errors
/// A failure, if the terminal, the server or the configuration cannot be used.
pub(crate) fn screen(args: &ScreenArgs) -> Result<Exit, Failure> {
    let config = ConfigFile::read()?;
    let keys = config.keys()?;
    let endpoint = args.endpoint.open()?;
    let mut model = endpoint.model(config.watchlist(&endpoint.place)?, keys, now_ms());
    saved::restore(&endpoint.place, &mut model.market);
    let content = ScreenContent::Server(endpoint.server.clone());
    let model = run_screen(model, &config, &args.appearance, content)?;
    saved::save(&endpoint.place, &model.market, now_ms());
    endpoint.close()?;
    print_lines(&session_summary(&model));
    Ok(Exit::Done)
}

/// Runs the screen on a practice market, with a watchlist of its own.
///
/// # Errors
/// As [`screen`].
pub(crate) fn run_on(
    endpoint: Endpoint,
    config: &ConfigFile,
    appearance: &AppearanceArgs,
    watchlist: Vec<Symbol>,
) -> Result<Exit, Failure> {
    let model = endpoint.model(watchlist, config.keys()?, now_ms());
    let content = ScreenContent::Server(endpoint.server.clone());
    let model = run_screen(model, config, appearance, content)?;
    endpoint.close()?;
    print_lines(&session_summary(&model));
    Ok(Exit::Done)
}

/// Runs the screen with a replay and without a server for trading.
///
/// # Errors
/// As [`screen`], and a usage failure without a terminal.
pub(crate) fn replay(args: &ReplayArgs) -> Result<Exit, Failure> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure::usage(anyhow::anyhow!(
            "--ui needs a terminal; without it the replies are printed"
        )));
    }
    if args.file == std::path::Path::new("-") {
        return Err(Failure::usage(anyhow::anyhow!(
            "--ui needs a file: standard input is the keyboard"
        )));
    }
    let config = ConfigFile::read()?;
    let model = App::for_replay(&args.file.display().to_string(), config.keys()?, now_ms());
    let mut args = args.clone();
    let server = args.connect.as_ref().map(|connect| args.remote.server(connect));
    args.server = server.transpose()?;
    let content = ScreenContent::Replay(Box::new(args.clone()));
    let model = run_screen(model, &config, &AppearanceArgs::default(), content)?;
    let Some(replay) = model.replay.progress() else { return Ok(Exit::Done) };
    print_lines(&[format!(
        "{}: {} lines, {} ok, {} refused, {} not as expected",
        replay.file, replay.lines, replay.ok, replay.refused, replay.differences
    )]);
    match &replay.stage {
        Stage::Failed(message) => Err(Failure::link(anyhow::anyhow!(message.clone()))),
        _ if replay.reasons.contains_key(Code::Unknown.as_str()) => Ok(Exit::Link),
        _ if replay.differences > 0 => Ok(Exit::Differs),
        _ => Ok(Exit::Done),
    }
}

/// Runs the screen until the trader closes it, and saves changed settings.
fn run_screen(
    mut model: App,
    config: &ConfigFile,
    appearance: &AppearanceArgs,
    content: ScreenContent,
) -> Result<App, Failure> {
    model.settings = config.settings(appearance);
    let before = model.settings;
    let options = ScreenOptions { mouse: config.mouse(appearance), content };
    let model = runtime()?.block_on(term::run(model, options)).map_err(Failure::usage)?;
    save_settings(before, model.settings);
    Ok(model)
}

fn print_lines(lines: &[String]) {
    let mut out = io::stdout().lock();
    for line in lines {
        // A closed output is no failure.
        let _ = writeln!(out, "{line}");
    }
}

/// Returns the lines that remain in the terminal after the session: its trades, and the orders and
/// triggers that are still active.
fn session_summary(model: &App) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: {} in this session",
        model.connection.user(),
        text::count(model.account.trades(), "trade")
    )];
    if let Some(account) = model.account.current() {
        let money = |money| {
            if model.view.is_money_hidden() { "*****".to_owned() } else { text::dollars(money) }
        };
        lines.push(format!(
            "total: realised profit {}, cash {}",
            money(account.realised),
            money(account.cash)
        ));
        for order in &account.pending {
            let left = text::countdown(model.clock.left_ms(order.expires_at_ms));
            let (side, terms) = (order.side.as_str(), order.terms);
            let (shares, total) = (
                if model.view.is_money_hidden() {
                    "***".to_owned()
                } else {
                    terms.shares.to_string()
                },
                money(terms.total),
            );
            lines.push(format!(
                "still pending: {side} {shares} {} = {total}, {left} left",
                terms.symbol
            ));
        }
        let armed = account.triggers.iter().filter(|trigger| trigger.price.is_some()).count();
        if armed > 0 {
            lines.push(format!(
                "{} armed; they fire only while the server runs",
                text::count(armed as u64, "trigger")
            ));
        }
        let incomplete = account.triggers.len() - armed;
        if incomplete > 0 {
            lines.push(format!("{} without a price", text::count(incomplete as u64, "trigger")));
        }
    }
    let unknown = model.activity.unknown();
    lines.extend(unknown.map(|line| format!("UNKNOWN: {} has no reply", line.subject.wire_line())));
    if model.activity.worst_us() > 0 {
        lines.push(format!("worst round trip {}", text::millis(model.activity.worst_us())));
    }
    lines
}

/// What a command wants of the model besides the account and its prices.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wants {
    /// The records of the account, which also tell the last known prices.
    pub(super) past: bool,
    /// To watch the prices for a time.
    pub(super) watch: Duration,
}

/// Loads the account and the prices of these symbols; returns an incomplete model after
/// [`ANSWER_TIMEOUT`], with symbols after [`QUOTE_TIMEOUT`]. Then watches the prices for a time.
///
/// # Errors
/// A link failure, if there is no connection, or the server does not answer.
pub(super) async fn load_model(
    endpoint: &Endpoint,
    symbols: Vec<Symbol>,
    wants: Wants,
) -> Result<App, Failure> {
    let has_symbols = !symbols.is_empty();
    let mut model = endpoint.model(symbols, KeyMap::default(), now_ms());
    let (requests, mut events) = spawn_link(endpoint.server.clone(), now_ms);
    // A login may be delayed; the link has timeouts of its own.
    let first = if endpoint.server.address.tls { LOGIN_TIMEOUT } else { ANSWER_TIMEOUT };
    let mut deadline = tokio::time::Instant::now() + first;
    let is_complete = |model: &App| {
        let has_price = |symbol: &Symbol| model.market.quotes().get(*symbol).is_some();
        let account = &model.account;
        let is_known = account.current().is_some() || account.is_missing();
        // The records tell the last known prices and the activity.
        let is_known = is_known && (!wants.past || model.knows_past() || account.is_missing());
        (is_known || account.refused().is_some()) && model.market.watchlist().iter().all(has_price)
    };
    while !is_complete(&model) {
        let Ok(Some(event)) = tokio::time::timeout_at(deadline, events.recv()).await else { break };
        if matches!(event, LinkEvent::Up(_)) {
            // A legal quote may take longer than any other answer.
            let wait = if has_symbols { QUOTE_TIMEOUT } else { ANSWER_TIMEOUT };
            deadline = tokio::time::Instant::now() + wait;
        }
        apply_link_event(&mut model, event, &requests);
        if let Link::Offline { cause, .. } = model.connection.link() {
            // That the accounts cannot be followed is a sentence of its own.
            let begin = if cause.starts_with("the accounts ") { "" } else { "cannot connect to " };
            return Err(Failure::link(anyhow::anyhow!("{begin}{cause}")));
        }
    }
    if !is_complete(&model) && !model.connection.is_answering() {
        return Err(no_answer(&endpoint.server.address.to_string(), 0));
    }
    let watched = tokio::time::Instant::now() + wants.watch;
    while let Ok(Some(event)) = tokio::time::timeout_at(watched, events.recv()).await {
        apply_link_event(&mut model, event, &requests);
    }
    Ok(model)
}

/// Updates the model with an event of the link, and sends the requests that follow from it.
pub(super) fn apply_link_event(
    model: &mut App,
    event: LinkEvent,
    requests: &UnboundedSender<LinkRequest>,
) {
    for effect in model.update(Event::Link(event), now_ms()) {
        if let Effect::Send(request) = effect {
            let _ = requests.send(LinkRequest::Send(request));
        }
    }
}
