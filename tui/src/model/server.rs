//! What the server says, taken into the model.

use super::text::dollars;
use super::words::in_words;
use super::{
    ACTIVITY_MAX, Account, Action, Effect, FILLS_MAX, Fill, Form, FormKind, InFlight, LOG_MAX,
    Line, Link, LinkEvent, Model, ORDERED_MAX, Popup, Purpose, ROUND_TRIPS_MAX, Verdict,
};
use daytrade_protocol::{
    Code, CommandName, Money, Push, Reply, ReplyBody, ServerLine, Side, Symbol, TradeTerms,
};

/// How long it is said that an order has expired or a trigger has fired, in milliseconds.
const EXPIRED_MS: u64 = 10_000;

impl Model {
    pub(super) fn link_event(&mut self, event: LinkEvent, effects: &mut Vec<Effect>) {
        match event {
            LinkEvent::Up => self.link_up(effects),
            LinkEvent::Down { cause, next_try_ms, attempt } => {
                self.link_down(cause, next_try_ms, attempt)
            }
            LinkEvent::Line { line, text, took_us } => match line {
                ServerLine::Reply(reply) => self.reply(&reply, text, took_us, effects),
                ServerLine::Detail(tag, detail) => {
                    if let Some(tag) = tag {
                        self.details.entry(tag.get()).or_default().push(detail);
                    }
                }
                ServerLine::Push(push) => self.push(&push, text, effects),
            },
        }
    }

    fn link_up(&mut self, effects: &mut Vec<Effect>) {
        let was_down = matches!(self.link, Link::Offline { .. });
        self.link = Link::Live(self.now_ms);
        self.note(&format!("connected to {}", self.address));
        self.watched.clear();
        let listen = format!("SUBSCRIBE,{}", self.user);
        self.send(listen, Purpose::Quiet, effects);
        self.ask_summary(effects);
        self.watch_what_matters(effects);
        if was_down {
            self.counts.reconnects += 1;
            self.tell("connected again; asking what changed meanwhile");
        }
    }

    fn link_down(&mut self, cause: String, next_try_ms: u64, attempt: u32) {
        let since_ms = match self.link {
            Link::Offline { since_ms, .. } => since_ms,
            Link::Connecting(_) | Link::Live(_) | Link::Apart => self.now_ms,
        };
        if self.is_live() {
            self.before_loss.clone_from(&self.account);
            self.link_news("LINK", &format!("lost: {cause}"));
        }
        self.note(&cause);
        self.link = Link::Offline { since_ms, cause, next_try_ms, attempt };
        self.details.clear();
        self.summary_wanted = false;
        for (tag, sent) in std::mem::take(&mut self.in_flight) {
            if !matches!(sent.purpose, Purpose::Trader | Purpose::Form(_)) {
                continue;
            }
            if let Some(line) = self.activity.iter_mut().rev().find(|line| line.tag == tag) {
                self.counts.lost += 1;
                line.verdict = Verdict::Unknown;
                "no reply: UNKNOWN; the server is asked after reconnecting, it is never sent twice"
                    .clone_into(&mut line.words);
            }
        }
        if let Some(Popup::Form(form)) = &mut self.popup
            && form.sending
        {
            form.sending = false;
            form.refused =
                Some("no reply: what became of it is asked after reconnecting".to_owned());
        }
    }

    fn reply(
        &mut self,
        reply: &Reply,
        text: String,
        took_us: Option<u64>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(tag) = reply.tag.map(daytrade_protocol::Tag::get) else { return };
        let details = self.details.remove(&tag).unwrap_or_default();
        let Some(sent) = self.in_flight.remove(&tag) else { return };
        let took_us = took_us.unwrap_or_else(|| self.now_ms.saturating_sub(sent.sent_ms) * 1_000);
        self.round_trips.push_back(took_us);
        if self.round_trips.len() > ROUND_TRIPS_MAX {
            self.round_trips.pop_front();
        }
        self.worst_us = self.worst_us.max(took_us);
        match &sent.purpose {
            Purpose::Summary => self.summary(&reply.body, &details, effects),
            Purpose::Quiet => {}
            Purpose::Trader | Purpose::Form(_) => {
                self.traders_reply(tag, &sent, &reply.body, text, took_us, effects)
            }
        }
        if let ReplyBody::Quote { symbol, price, at_ms, .. } = reply.body {
            self.take_price(symbol, price, at_ms, effects);
        }
    }

    fn take_price(&mut self, symbol: Symbol, price: Money, at_ms: u64, effects: &mut Vec<Effect>) {
        self.quotes.take(symbol, price, at_ms, self.now_ms);
        self.ring_alerts(symbol, price, effects);
    }

    fn summary(
        &mut self,
        body: &ReplyBody,
        details: &[daytrade_protocol::Detail],
        effects: &mut Vec<Effect>,
    ) {
        match body {
            ReplyBody::DisplaySummary { .. } => {
                self.account = Some(Account::from_details(details));
                self.account_ms = self.now_ms;
                self.no_account = false;
                self.tell_history_once();
                self.settle_unknown();
                self.tell_what_changed();
            }
            ReplyBody::Refused { code: Code::NoAccount, .. } => {
                // Whatever its history will be, all of it is done here.
                (self.no_account, self.history_told) = (true, true);
                for line in self.activity.iter_mut().filter(|line| line.verdict == Verdict::Unknown)
                {
                    line.verdict = Verdict::Lost;
                    "it never reached the server: there is no account".clone_into(&mut line.words);
                }
            }
            ReplyBody::Refused { message, .. } => {
                self.tell(&format!("the account could not be shown: {message}"))
            }
            _ => {}
        }
        self.banner_may_have_changed();
        self.watch_what_matters(effects);
        if std::mem::take(&mut self.summary_wanted) {
            self.ask_summary(effects);
        }
    }

    fn traders_reply(
        &mut self,
        tag: u64,
        sent: &InFlight,
        body: &ReplyBody,
        text: String,
        took_us: u64,
        effects: &mut Vec<Effect>,
    ) {
        let (verdict, words) = match body {
            ReplyBody::Refused { message, .. } => (Verdict::Refused, message.to_string()),
            body => (Verdict::Ok, in_words(body)),
        };
        match verdict {
            Verdict::Refused => self.counts.refused += 1,
            _ => self.counts.ok += 1,
        }
        if let Some(line) = self.activity.iter_mut().rev().find(|line| line.tag == tag) {
            (line.verdict, line.reply, line.took_us) = (verdict, text, Some(took_us));
            line.words.clone_from(&words);
        }
        if let ReplyBody::Buy { expires_at_ms, .. } | ReplyBody::Sell { expires_at_ms, .. } = body {
            // The server decided it somewhere between sending and hearing; the middle is as good as
            // any.
            let middle = i64::try_from(u64::midpoint(sent.sent_ms, self.now_ms)).unwrap_or(0);
            self.remember_order(&sent.line, body);
            self.offset_ms =
                i64::try_from(expires_at_ms.saturating_sub(60_000)).unwrap_or(0) - middle;
        }
        match body {
            ReplyBody::CommitBuy { terms } => self.traded(Side::Buy, *terms),
            ReplyBody::CommitSell { terms } => self.traded(Side::Sell, *terms),
            _ => {}
        }
        self.forget_finished(body);
        if let Purpose::Form(next) = &sent.purpose {
            self.form_replied(tag, verdict, &words, next.clone(), body, effects);
        } else if verdict == Verdict::Refused {
            self.tell(&words);
        }
        if !matches!(body, ReplyBody::Quote { .. }) {
            self.ask_summary(effects);
        }
    }

    /// Takes the order that was just committed or cancelled out of the account, before the account
    /// is told anew: the banner must not go on naming it.
    fn forget_finished(&mut self, body: &ReplyBody) {
        let side = match body {
            ReplyBody::CommitBuy { .. } | ReplyBody::CancelBuy { .. } => Side::Buy,
            ReplyBody::CommitSell { .. } | ReplyBody::CancelSell { .. } => Side::Sell,
            _ => return,
        };
        if let Some(account) = &mut self.account
            && let Some(at) = account.pending.iter().position(|order| order.side == side)
        {
            account.pending.remove(at);
        }
        self.banner_may_have_changed();
    }

    fn form_replied(
        &mut self,
        tag: u64,
        verdict: Verdict,
        words: &str,
        next: Option<String>,
        body: &ReplyBody,
        effects: &mut Vec<Effect>,
    ) {
        let is_about = |form: &Form| form.sending && form.tag == Some(tag);
        if let (Verdict::Ok, Some(next)) = (verdict, next) {
            let next_tag = self.next_tag;
            if let Some(Popup::Form(form)) = self
                .popup
                .as_mut()
                .filter(|popup| matches!(popup, Popup::Form(form) if is_about(form)))
            {
                form.tag = Some(next_tag);
            }
            self.send(next, Purpose::Form(None), effects);
            return;
        }
        let form = match &mut self.popup {
            Some(Popup::Form(form)) if is_about(form) => form,
            _ => {
                if verdict == Verdict::Refused {
                    self.tell(words);
                }
                return;
            }
        };
        if verdict == Verdict::Refused {
            form.sending = false;
            form.refused = Some(words.to_owned());
            return;
        }
        self.draft = None;
        let saw = form.saw;
        self.popup = None;
        let got = match body {
            ReplyBody::Buy { terms, .. } | ReplyBody::Sell { terms, .. } => Some(terms.price),
            _ => None,
        };
        if let (Some(saw), Some(got)) = (saw, got)
            && saw != got
        {
            self.tell(&format!("reserved at {} (you saw {})", dollars(got), dollars(saw)));
        }
    }

    fn push(&mut self, push: &Push, text: String, effects: &mut Vec<Effect>) {
        match push {
            Push::Quote { symbol, price, at_ms } => {
                self.take_price(*symbol, *price, *at_ms, effects)
            }
            Push::Expired { side, terms, .. } => {
                let back = match side {
                    Side::Buy => format!("{} back in cash", dollars(terms.total)),
                    Side::Sell => format!("{} {} free again", terms.shares, terms.symbol),
                };
                let words =
                    format!("expired: {} {} {}, {back}", side.as_str(), terms.shares, terms.symbol);
                self.news("EXPIRED", terms.symbol, text, &words);
                let mut form = Form::new(FormKind::Order(*side), Some(terms.symbol));
                let ordered = self.ordered.iter().find(|(of, what, _)| of == side && what == terms);
                form.amount = ordered
                    .map_or_else(|| terms.total.to_string(), |(_, _, amount)| amount.clone());
                self.expired = Some((form, self.now_ms + EXPIRED_MS));
                let key =
                    self.keys.key(if *side == Side::Buy { Action::Buy } else { Action::Sell });
                self.ring(&words, effects);
                self.notice =
                    Some((format!("{words}; {key} makes it once more"), self.now_ms + EXPIRED_MS));
                self.ask_summary(effects);
            }
            Push::Filled { side, terms, .. } => {
                let verb = if *side == Side::Buy { "bought" } else { "sold" };
                let words = format!(
                    "trigger fired: {verb} {} {} at {}, {}",
                    terms.shares,
                    terms.symbol,
                    dollars(terms.price),
                    dollars(terms.total)
                );
                self.news("TRIGGER", terms.symbol, text, &words);
                self.ring(&words, effects);
                self.notice = Some((words, self.now_ms + EXPIRED_MS));
                self.traded(*side, *terms);
                self.ask_summary(effects);
            }
            Push::Account { available, reserved, realised, .. } => {
                if let Some(account) = &mut self.account {
                    (account.cash, account.reserved, account.realised) =
                        (*available, *reserved, *realised);
                }
                self.ask_summary(effects);
            }
            Push::ByeSlowConsumer | Push::ByeIdle => {
                self.tell("the server has closed the connection")
            }
        }
    }

    /// Keeps what was asked for, so that an order that expires can be made once more as it was.
    fn remember_order(&mut self, line: &str, body: &ReplyBody) {
        let amount = line.split(',').nth(3).unwrap_or_default().to_owned();
        let order = match body {
            ReplyBody::Buy { terms, .. } => (Side::Buy, *terms, amount),
            ReplyBody::Sell { terms, .. } => (Side::Sell, *terms, amount),
            _ => return,
        };
        if self.ordered.len() == ORDERED_MAX {
            self.ordered.pop_front();
        }
        self.ordered.push_back(order);
    }

    fn traded(&mut self, side: Side, terms: TradeTerms) {
        self.trades += 1;
        if self.fills.len() == FILLS_MAX {
            self.fills.pop_front();
        }
        let at_ms = self.now_ms.saturating_add_signed(self.offset_ms);
        self.fills.push_back(Fill { at_ms, side, terms });
    }

    /// Writes a line into the screen's own log.
    pub(super) fn note(&mut self, words: &str) {
        if self.log.len() == LOG_MAX {
            self.log.pop_front();
        }
        self.log.push_back((self.now_ms, words.to_owned()));
    }

    fn news(&mut self, what: &str, symbol: Symbol, text: String, words: &str) {
        let at_ms = self.now_ms;
        self.note_line(Line {
            at_ms,
            tag: 0,
            verdict: Verdict::News,
            request: format!("{what},{symbol}"),
            reply: text,
            words: words.to_owned(),
            took_us: None,
        });
    }

    pub(super) fn note_line(&mut self, line: Line) {
        if self.activity.len() == ACTIVITY_MAX {
            self.activity.pop_front();
        }
        self.activity.push_back(line);
    }

    /// Sends a line under a tag of its own. What the trader asked for is noted in the activity.
    pub(super) fn send(&mut self, line: String, purpose: Purpose, effects: &mut Vec<Effect>) {
        if !self.is_live() {
            self.tell("not connected: nothing was sent");
            return;
        }
        let tag = self.next_tag;
        self.next_tag += 1;
        effects.push(Effect::Send(format!("[{tag}] {line}")));
        if matches!(purpose, Purpose::Trader | Purpose::Form(_)) {
            let (at_ms, request) = (self.now_ms, line.clone());
            let (reply, words) = (String::new(), "sending".to_owned());
            self.note_line(Line {
                at_ms,
                tag,
                verdict: Verdict::Waiting,
                request,
                reply,
                words,
                took_us: None,
            });
            self.counts.sent += 1;
            // Whatever was said before is not about this.
            self.notice = None;
        }
        self.in_flight.insert(tag, InFlight { line, sent_ms: self.now_ms, purpose });
    }

    /// Asks for the account; a second wish while the first is under way is kept for its end.
    pub(super) fn ask_summary(&mut self, effects: &mut Vec<Effect>) {
        if !self.is_live() {
            return;
        }
        if self.in_flight.values().any(|sent| sent.purpose == Purpose::Summary) {
            self.summary_wanted = true;
            return;
        }
        let line = format!("{},{}", CommandName::DisplaySummary.as_str(), self.user);
        self.send(line, Purpose::Summary, effects);
    }

    /// Watches what is on the watchlist, held, pending or waited for, and nothing else.
    pub(super) fn watch_what_matters(&mut self, effects: &mut Vec<Effect>) {
        if !self.is_live() {
            return;
        }
        let mut wanted: std::collections::BTreeSet<Symbol> =
            self.watchlist.iter().copied().collect();
        if let Some(account) = &self.account {
            wanted.extend(account.holdings.iter().map(|holding| holding.symbol));
            wanted.extend(account.pending.iter().map(|order| order.terms.symbol));
            wanted.extend(account.triggers.iter().map(|trigger| trigger.symbol));
        }
        wanted.extend(self.alerts.iter().map(|alert| alert.symbol));
        match &self.popup {
            Some(Popup::Form(form)) if form.kind != FormKind::AddSymbol => {
                wanted.extend(form.stock())
            }
            Some(Popup::Palette(_)) => wanted.extend(self.preview().and_then(|form| form.stock())),
            _ => {}
        }
        for symbol in self.watched.difference(&wanted).copied().collect::<Vec<_>>() {
            self.send(format!("UNWATCH,{symbol}"), Purpose::Quiet, effects);
        }
        for symbol in wanted.difference(&self.watched).copied().collect::<Vec<_>>() {
            self.send(format!("WATCH,{symbol}"), Purpose::Quiet, effects);
        }
        self.watched = wanted;
    }

    /// Says something to the trader for a few seconds.
    pub(super) fn tell(&mut self, words: &str) {
        self.notice = Some((words.to_owned(), self.now_ms + 6_000));
    }

    /// Starts the guard of the commit key when the banner's subject has changed.
    pub(super) fn banner_may_have_changed(&mut self) {
        let subject =
            self.next_pending().map(|order| (order.side, order.terms.symbol, order.expires_at_ms));
        if subject != self.banner {
            self.banner = subject;
            self.banner_since_ms = self.now_ms;
            self.warned = None;
        }
    }
}
