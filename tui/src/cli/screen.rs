//! The trading screen: opened, left with a note, or settled without a terminal for the commands
//! that show the same.

use super::config::{ConfigFile, LookArgs, save_settings, save_watchlist};
use super::place::{Place, PlaceArgs};
use crate::app::{App, Effect, Event, KeyMap, Link, LinkEvent, text};
use crate::exit::{Exit, Failure};
use crate::link::{LinkRequest, spawn_link};
use crate::replay::ReplayArgs;
use crate::term::{self, ScreenOptions, now_ms};
use clap::Args;
use daytrade_protocol::Symbol;
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

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Failure::link)
}

/// Opens the screen; leaves a note about the session when it is closed.
///
/// # Errors
/// When the terminal, the server or the configuration cannot be used.
pub fn screen(args: &ScreenArgs) -> Result<Exit, Failure> {
    let config = ConfigFile::read()?;
    let keys = config.keys()?;
    let place = args.place.open()?;
    let model = App::new(place.user.clone(), &place.address, config.watchlist(), keys, now_ms());
    let model = shown(model, &config, &args.look, None)?;
    save_watchlist(model.market.watchlist());
    place.close()?;
    print(&leaving_note(&model));
    Ok(Exit::Done)
}

/// Opens the screen with nothing but a replay in it.
///
/// # Errors
/// As [`screen`], and when there is no terminal.
pub fn replay(args: &ReplayArgs) -> Result<Exit, Failure> {
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
    let model = shown(model, &config, &LookArgs::default(), Some(args.clone()))?;
    let Some(replay) = model.replay.progress() else { return Ok(Exit::Done) };
    print(&[format!(
        "{}: {} lines, {} ok, {} refused, {} not as expected",
        replay.file, replay.lines, replay.ok, replay.refused, replay.differences
    )]);
    match &replay.stage {
        crate::replay::Stage::Failed(words) => Err(Failure::link(anyhow::anyhow!(words.clone()))),
        _ if replay.differences > 0 => Ok(Exit::Differs),
        _ => Ok(Exit::Done),
    }
}

fn shown(
    mut model: App,
    config: &ConfigFile,
    look: &LookArgs,
    replay: Option<ReplayArgs>,
) -> Result<App, Failure> {
    model.settings = config.settings(look);
    let before = model.settings;
    let options = ScreenOptions { mouse: config.mouse(look), replay };
    let model = runtime()?.block_on(term::run(model, options)).map_err(Failure::usage)?;
    save_settings(&before, &model.settings);
    Ok(model)
}

fn print(lines: &[String]) {
    let mut out = io::stdout().lock();
    for line in lines {
        // Nobody to tell is no failure.
        let _ = writeln!(out, "{line}");
    }
}

/// What stays on the normal screen: what was done, and what still runs.
fn leaving_note(model: &App) -> Vec<String> {
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
            "in all: realised profit {}, cash {}",
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
    lines.extend(
        unknown.map(|line| format!("UNKNOWN: {} was never answered", line.subject.wire_line())),
    );
    if model.activity.worst_us() > 0 {
        lines.push(format!("worst round trip {}", text::millis(model.activity.worst_us())));
    }
    lines
}

/// A model that has heard all it asked for, or has waited long enough.
pub(super) async fn settled(place: &Place, symbols: Vec<Symbol>) -> Result<App, Failure> {
    let mut model =
        App::new(place.user.clone(), &place.address, symbols, KeyMap::default(), now_ms());
    let (ask, mut heard) = spawn_link(place.address.clone(), now_ms);
    let until = tokio::time::Instant::now() + SETTLE;
    let is_settled = |model: &App| {
        let priced = |symbol: &Symbol| model.market.quotes().get(*symbol).is_some();
        (model.account.current().is_some() || model.account.is_missing())
            && model.market.watchlist().iter().all(priced)
    };
    while !is_settled(&model) {
        let Ok(Some(event)) = tokio::time::timeout_at(until, heard.recv()).await else { break };
        take(&mut model, event, &ask);
        if let Link::Offline { cause, .. } = model.connection.link() {
            return Err(Failure::link(anyhow::anyhow!("cannot connect: {cause}")));
        }
    }
    Ok(model)
}

pub(super) fn take(model: &mut App, event: LinkEvent, ask: &UnboundedSender<LinkRequest>) {
    for effect in model.update(Event::Link(event), now_ms()) {
        if let Effect::Send(request) = effect {
            let _ = ask.send(LinkRequest::Send(request));
        }
    }
}
