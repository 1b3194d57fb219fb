//! The displayed part of the application.
//!
//! Owns the displayed screen, the focus, the selected rows, the chart's settings, the popup and the
//! state of the pointer and of the command line's history. It must never hold anything about money:
//! without it the account would be the same.

use super::{ChartView, Clock, Form, HitTarget, Palette};
use daytrade_protocol::Symbol;
use std::collections::{BTreeMap, VecDeque};

/// The maximum number of remembered command lines.
const COMMANDS_MAX: usize = 50;
/// The maximum time between the two presses of Ctrl-C that end the screen at once, in milliseconds.
const QUIT_TWICE_MS: u64 = 1_500;
/// The maximum time between the two clicks of a double click, in milliseconds.
const DOUBLE_CLICK_MS: u64 = 400;
/// The panes of the Trade screen that take keys, in the order of Tab. The last one, Alerts, is
/// skipped while there are no alerts.
const FOCUS_ORDER: [Pane; 6] =
    [Pane::Watchlist, Pane::Chart, Pane::Pending, Pane::Holdings, Pane::Triggers, Pane::Alerts];

/// The screens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the screen of that name")]
pub enum Screen {
    #[default]
    Trade,
    Holdings,
    Triggers,
    Activity,
    Replay,
}

impl Screen {
    /// All screens, in order.
    pub(crate) const ALL: [Self; 5] =
        [Self::Trade, Self::Holdings, Self::Triggers, Self::Activity, Self::Replay];
}

/// The panes that have a selected row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the pane of that name")]
pub enum Pane {
    #[default]
    Watchlist,
    Chart,
    Holdings,
    Pending,
    Triggers,
    Alerts,
    Activity,
    Replay,
}

/// A window above the screen.
#[derive(Clone, Debug)]
pub(crate) enum Popup {
    /// All keys, scrolled to a row.
    Help(usize),
    /// A form.
    Form(Form),
    /// The question before quitting with orders pending or requests in flight.
    ConfirmQuit,
    /// The command line.
    Palette(Palette),
    /// The settings, with the selected row.
    Settings(usize),
    /// The log, scrolled to a row.
    Log(usize),
    /// Request and reply of a line of activity.
    Exchange(usize),
}

/// The displayed screen and everything that is selected on it.
#[derive(Debug, Default)]
pub(crate) struct View {
    screen: Screen,
    /// The pane of the Trade screen that takes keys.
    focus: Pane,
    /// The pane of the Triggers screen that takes keys: Alerts, or any other for the triggers.
    triggers_focus: Pane,
    /// Only the focused pane is displayed.
    zoomed: bool,
    chart: ChartView,
    /// The selected row of each pane.
    selected_rows: BTreeMap<Pane, usize>,
    /// The selected symbol of the watchlist, which stays selected when sorting moves it.
    selected_symbol: Option<Symbol>,
    popup: Option<Popup>,
    /// Keys edit the filter.
    filtering: bool,
    money_hidden: bool,
    /// Number of the page of hints in the last line.
    hint_page: usize,
    /// Local time of the last Ctrl-C, Unix milliseconds.
    interrupted_ms: u64,
    /// The last click and its local time.
    last_click: Option<(HitTarget, u64)>,
    /// Command lines, newest last.
    commands: VecDeque<String>,
}

impl View {
    /// Returns the displayed screen.
    pub(crate) const fn screen(&self) -> Screen {
        self.screen
    }

    /// Displays a screen.
    pub(crate) const fn show(&mut self, screen: Screen) {
        self.screen = screen;
    }

    /// Returns the pane of the Trade screen that takes keys.
    pub(crate) const fn focus(&self) -> Pane {
        self.focus
    }

    /// Moves the focus to a pane, if the pane is on the Trade screen and takes keys there.
    pub(super) fn focus_on(&mut self, pane: Pane) {
        if self.screen == Screen::Triggers {
            self.triggers_focus = pane;
        }
        if self.screen == Screen::Trade && FOCUS_ORDER.contains(&pane) {
            self.set_focus(pane);
        }
    }

    /// Moves the focus. The chart keeps to the symbol of the list it was opened from.
    fn set_focus(&mut self, pane: Pane) {
        if pane == Pane::Chart && self.focus != Pane::Chart {
            self.chart.open_from(self.focus);
        }
        self.focus = pane;
    }

    /// Moves the focus from a list to the chart, or back.
    pub(super) fn toggle_chart(&mut self) {
        let to = if self.focus == Pane::Chart { self.chart.list() } else { Pane::Chart };
        self.set_focus(to);
    }

    /// Moves the focus to the next or the previous pane.
    pub(super) fn move_focus(&mut self, forward: bool, has_alerts: bool) {
        if self.screen == Screen::Triggers {
            let to_alerts = has_alerts && self.triggers_focus != Pane::Alerts;
            self.triggers_focus = if to_alerts { Pane::Alerts } else { Pane::Triggers };
            return;
        }
        let count = FOCUS_ORDER.len() - usize::from(!has_alerts);
        let at = FOCUS_ORDER[..count].iter().position(|pane| *pane == self.focus).unwrap_or(0);
        self.set_focus(FOCUS_ORDER[(at + if forward { 1 } else { count - 1 }) % count]);
    }

    /// Returns the pane that takes keys.
    pub(crate) const fn pane(&self) -> Pane {
        match self.screen {
            Screen::Trade => self.focus,
            Screen::Holdings => Pane::Holdings,
            Screen::Triggers if matches!(self.triggers_focus, Pane::Alerts) => Pane::Alerts,
            Screen::Triggers => Pane::Triggers,
            Screen::Activity => Pane::Activity,
            Screen::Replay => Pane::Replay,
        }
    }

    /// Returns true if only the focused pane is displayed.
    pub(crate) const fn is_zoomed(&self) -> bool {
        self.zoomed
    }

    pub(super) const fn toggle_zoom(&mut self) {
        self.zoomed = !self.zoomed;
    }

    /// Returns the settings of the chart.
    pub(crate) const fn chart(&self) -> ChartView {
        self.chart
    }

    pub(super) const fn chart_mut(&mut self) -> &mut ChartView {
        &mut self.chart
    }

    /// Displays the lists again, without zoom and without the focus on the chart.
    pub(super) fn show_lists(&mut self) {
        self.zoomed = false;
        if self.focus == Pane::Chart {
            self.toggle_chart();
        }
    }

    /// Returns the pane whose rows keys move: the list of the chart, or else the pane itself.
    pub(super) fn list(&self) -> Pane {
        if self.pane() == Pane::Chart { self.chart.list() } else { self.pane() }
    }

    /// Returns the stored row of a pane, which may be beyond the end of its list.
    pub(super) fn stored_row(&self, pane: Pane) -> usize {
        self.selected_rows.get(&pane).copied().unwrap_or(0)
    }

    pub(super) fn store_row(&mut self, pane: Pane, row: usize) {
        self.selected_rows.insert(pane, row);
    }

    /// Returns the selected symbol, which may be hidden by the filter.
    pub(super) const fn stored_symbol(&self) -> Option<Symbol> {
        self.selected_symbol
    }

    pub(super) const fn store_symbol(&mut self, symbol: Option<Symbol>) {
        self.selected_symbol = symbol;
    }

    /// Returns the popup.
    pub(crate) const fn popup(&self) -> Option<&Popup> {
        self.popup.as_ref()
    }

    pub(super) const fn popup_mut(&mut self) -> Option<&mut Popup> {
        self.popup.as_mut()
    }

    pub(super) fn open_popup(&mut self, popup: Popup) {
        self.popup = Some(popup);
    }

    /// Closes the popup and returns it.
    pub(crate) const fn take_popup(&mut self) -> Option<Popup> {
        self.popup.take()
    }

    /// Returns the form that is waiting for the reply to a request.
    pub(super) fn form_in_flight(&mut self, tag: u64) -> Option<&mut Form> {
        match &mut self.popup {
            Some(Popup::Form(form)) if form.is_in_flight(tag) => Some(form),
            _ => None,
        }
    }

    /// Returns true while keys edit the filter.
    pub(crate) const fn is_filtering(&self) -> bool {
        self.filtering
    }

    /// Edits the search of a screen that has one, or else displays the watchlist and edits its
    /// filter.
    pub(super) fn start_filtering(&mut self) {
        if !matches!(self.screen, Screen::Activity | Screen::Replay) {
            (self.screen, self.focus) = (Screen::Trade, Pane::Watchlist);
        }
        self.filtering = true;
    }

    pub(super) const fn stop_filtering(&mut self) {
        self.filtering = false;
    }

    /// Returns true if amounts of money are hidden.
    pub(crate) const fn is_money_hidden(&self) -> bool {
        self.money_hidden
    }

    /// Hides or displays amounts of money.
    pub(crate) const fn set_money_hidden(&mut self, hidden: bool) {
        self.money_hidden = hidden;
    }

    /// Returns the number of the page of hints, to be taken modulo the number of pages.
    pub(crate) const fn hint_page(&self) -> usize {
        self.hint_page
    }

    /// Displays the first page of hints again.
    pub(super) const fn reset_hint_page(&mut self) {
        self.hint_page = 0;
    }

    pub(super) const fn next_hint_page(&mut self) {
        self.hint_page += 1;
    }

    /// Records a Ctrl-C; returns true for the second of two in quick succession.
    pub(super) const fn record_interrupt(&mut self, clock: Clock) -> bool {
        let is_second = clock.since_ms(self.interrupted_ms) < QUIT_TWICE_MS;
        if !is_second {
            self.interrupted_ms = clock.now_ms();
        }
        is_second
    }

    /// Records a click; returns true for the second click of a double click.
    pub(super) fn record_click(&mut self, target: HitTarget, clock: Clock) -> bool {
        let before = self.last_click.replace((target, clock.now_ms()));
        let is_double = before
            .is_some_and(|(last, at_ms)| last == target && clock.since_ms(at_ms) < DOUBLE_CLICK_MS);
        if is_double && matches!(target, HitTarget::Row(..)) {
            self.last_click = None;
        }
        is_double
    }

    /// Adds a line to the history of the command line.
    pub(super) fn remember_command(&mut self, text: &str) {
        if self.commands.back().is_none_or(|last| last != text) {
            if self.commands.len() == COMMANDS_MAX {
                self.commands.pop_front();
            }
            self.commands.push_back(text.to_owned());
        }
    }

    /// Returns the command lines entered so far, newest last.
    pub(super) const fn commands(&self) -> &VecDeque<String> {
        &self.commands
    }
}
