//! The login of one session: whether it has logged in, what it may do, and questions to the logins
//! that are not answered yet.
//!
//! A session without a door needs no login; nothing here costs it more than a comparison.

use crate::access::{Credential, Door, Grant, Granted, LoginEvent, LoginLimits, Logins};
use crate::limits::{LOGIN_BYTES_MAX, LOGIN_FAILURES_MAX};
use crate::message::{Replies, ReplyTarget, ReplyTo};
use daytrade_protocol::{Body, Parsed, Refusal, ReplyBody, Secret, SessionCommand, UserName};
use parking_lot::Mutex;
use std::any::Any;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// Size of the reply to HELP, and of most others, bytes.
const HELP_BYTES: usize = 1 << 10;
const LINE_BYTES: usize = 16;

/// The login of one session.
pub(super) struct Login {
    /// None where there are no logins.
    guarded: Option<Box<Guarded>>,
    /// What the session may do, once that is known.
    grant: Option<Arc<Grant>>,
}

/// A session that must log in, or has.
struct Guarded {
    logins: Arc<dyn Logins>,
    peer: IpAddr,
    log_in_by: Instant,
    /// Place among the connections that are not logged in.
    place: Option<Box<dyn Any + Send + Sync>>,
    granted: Option<Granted>,
    /// Fires when the place is taken by another, or when the login is revoked; None once it has.
    interrupt: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Where the answer to a question will be; None if nothing is asked.
    asked: Option<Arc<Mutex<Option<Answer>>>>,
    failures: u32,
    /// Bytes received and sent before the login.
    bytes: usize,
    has_acted_for_another: bool,
}

/// An answer of the logins.
enum Answer {
    Granted(Granted),
    Failed,
    Password(Result<(), Refusal>),
}

/// Why a session has to end although its client wants to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupt {
    /// Its place was taken while it was not logged in.
    Displaced,
    /// Its login has been changed.
    Revoked,
}

/// What an answer of the logins means for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// The answer has not arrived.
    NotYet,
    /// It goes on.
    GoOn,
    /// There were too many failures: it ends.
    End,
}

impl Login {
    /// Creates the login of a connection that came in by this door.
    pub(super) fn new(door: Option<Door>) -> Self {
        let grant = door.is_none().then(crate::access::local);
        let guarded = door.map(|door| {
            Box::new(Guarded {
                logins: door.logins,
                peer: door.peer,
                log_in_by: door.log_in_by,
                place: door.place,
                granted: None,
                interrupt: Some(Box::pin(door.displaced.cancelled_owned())),
                asked: None,
                failures: 0,
                bytes: 0,
                has_acted_for_another: false,
            })
        });
        Self { guarded, grant }
    }

    /// Returns true if there are logins: what a line may do depends on them.
    #[inline]
    pub(super) const fn is_guarded(&self) -> bool {
        self.guarded.is_some()
    }

    /// Returns what the session may do; None before it has logged in.
    pub(super) const fn grant(&self) -> Option<&Arc<Grant>> {
        self.grant.as_ref()
    }

    /// Returns the limits of the login, if there are any.
    pub(super) fn limits(&self) -> Option<&Arc<dyn LoginLimits>> {
        self.guarded.as_ref()?.granted.as_ref().map(|granted| &granted.limits)
    }

    /// Returns true while an answer of the logins is awaited.
    pub(super) fn is_asking(&self) -> bool {
        self.guarded.as_ref().is_some_and(|guarded| guarded.asked.is_some())
    }

    /// Returns the time by which the session must have logged in.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let guarded = self.guarded.as_ref()?;
        guarded.granted.is_none().then_some(guarded.log_in_by)
    }

    /// Returns, once, why the session has to end; otherwise the task is woken when it has to.
    pub(super) fn poll_interrupt(&mut self, context: &mut Context<'_>) -> Option<Interrupt> {
        let guarded = self.guarded.as_mut()?;
        if guarded.interrupt.as_mut()?.as_mut().poll(context) == Poll::Pending {
            return None;
        }
        guarded.interrupt = None;
        let is_in = guarded.granted.is_some();
        Some(if is_in { Interrupt::Revoked } else { Interrupt::Displaced })
    }

    /// Checks a line before anything else is done with it.
    ///
    /// # Errors
    /// The refusal, if the session may not do that.
    #[inline]
    pub(super) fn check(&mut self, line: &Parsed) -> Result<(), Refusal> {
        match &mut self.guarded {
            None => Ok(()),
            Some(guarded) => guarded.check(line),
        }
    }

    /// Counts bytes of a session that is not logged in. Returns false when there are too many.
    pub(super) fn may_go_on(&mut self, bytes: usize) -> bool {
        let Some(guarded) = self.guarded.as_mut().filter(|guarded| guarded.granted.is_none())
        else {
            return true;
        };
        guarded.bytes += bytes;
        guarded.bytes <= LOGIN_BYTES_MAX
    }

    /// Asks the logins to verify a secret. Returns a refusal if that makes no sense.
    pub(super) fn log_in(
        &mut self,
        (name, secret): (UserName, Secret),
        (to, target): (ReplyTo, ReplyTarget),
    ) -> Result<(), Refusal> {
        let guarded = self.guarded.as_mut().ok_or(Refusal::NoLogins)?;
        if guarded.granted.is_some() {
            return Err(Refusal::LoggedInAlready);
        }
        let answer = Arc::clone(guarded.asked.insert(Arc::default()));
        let verified = Arc::clone(&guarded.logins).log_in(name, secret, guarded.peer);
        tokio::spawn(async move {
            let (body, result) = match verified.await {
                Ok(granted) => {
                    let (name, role) = (&granted.grant.name, granted.grant.role);
                    let (name, role) = (name.as_str().into(), role.as_str().into());
                    (ReplyBody::Auth { name, role }, Answer::Granted(granted))
                }
                Err(refusal) => (ReplyBody::refused(&refusal), Answer::Failed),
            };
            *answer.lock() = Some(result);
            deliver(&target, to, &body);
        });
        Ok(())
    }

    /// Asks the logins to change the session's password. Returns a refusal if that makes no sense.
    pub(super) fn change_password(
        &mut self,
        (old, new): (Secret, Secret),
        (to, target): (ReplyTo, ReplyTarget),
    ) -> Result<(), Refusal> {
        let guarded = self.guarded.as_mut().ok_or(Refusal::NoLogins)?;
        let granted = guarded.granted.as_ref().ok_or(Refusal::AuthRequired)?;
        if matches!(granted.grant.credential, Credential::Token(_)) {
            return Err(Refusal::NoPasswordSession);
        }
        let answer = Arc::clone(guarded.asked.insert(Arc::default()));
        let changed = guarded.logins.change_password(granted, old, new, guarded.peer);
        tokio::spawn(async move {
            let changed = changed.await;
            let body = match &changed {
                Ok(()) => ReplyBody::Passwd {},
                Err(refusal) => ReplyBody::refused(refusal),
            };
            *answer.lock() = Some(Answer::Password(changed));
            deliver(&target, to, &body);
        });
        Ok(())
    }

    /// Takes the answer of the logins, if it is there.
    pub(super) fn take_answer(&mut self) -> Answered {
        let Some(guarded) = &mut self.guarded else { return Answered::GoOn };
        let Some(asked) = &guarded.asked else { return Answered::GoOn };
        let Some(answer) = asked.lock().take() else { return Answered::NotYet };
        guarded.asked = None;
        match answer {
            Answer::Granted(granted) => {
                guarded.place = None;
                guarded.interrupt = Some(Box::pin(granted.revoked.clone().cancelled_owned()));
                self.grant = Some(Arc::clone(&granted.grant));
                guarded.granted = Some(granted);
            }
            Answer::Password(Ok(())) => {
                // An invitation has become a password.
                if let Some(grant) = &mut self.grant {
                    Arc::make_mut(grant).credential = Credential::Password;
                }
                if let (Some(granted), Some(grant)) = (&mut guarded.granted, &self.grant) {
                    granted.grant = Arc::clone(grant);
                }
            }
            Answer::Failed | Answer::Password(Err(_)) => {
                guarded.failures += 1;
                if guarded.failures >= LOGIN_FAILURES_MAX {
                    return Answered::End;
                }
            }
        }
        Answered::GoOn
    }

    /// Tells the security log that a request was refused because there were too many.
    pub(super) fn note_rate_limited(&self) {
        if let Some(guarded) = &self.guarded {
            guarded.logins.note(self.grant.as_deref(), guarded.peer, LoginEvent::RateLimited);
        }
    }
}

impl Guarded {
    fn check(&mut self, line: &Parsed) -> Result<(), Refusal> {
        let Some(granted) = &self.granted else {
            self.bytes += reply_bytes(line);
            return check_without_login(line);
        };
        let grant = &granted.grant;
        let (name, account) = subject(line);
        let checked = grant.check(line);
        if checked.is_err() {
            self.logins.note(Some(grant), self.peer, LoginEvent::Forbidden(name));
        } else if !self.has_acted_for_another
            && let Some(account) = account.filter(|account| grant.acts_for_another(Some(account)))
        {
            self.has_acted_for_another = true;
            self.logins.note(Some(grant), self.peer, LoginEvent::ActsFor(account));
        }
        checked
    }
}

/// Returns the audited command that a line names, and its account.
fn subject(line: &Parsed) -> (Option<daytrade_protocol::CommandName>, Option<&UserName>) {
    match line {
        Parsed::Request(request) => match &request.body {
            Body::Command(command) => (Some(command.name()), command.user()),
            Body::Session(_) => (None, None),
        },
        Parsed::Invalid(invalid) => match &invalid.attempt {
            Some(attempt) => (Some(attempt.name), attempt.user.as_ref()),
            None => (None, None),
        },
        Parsed::Nothing => (None, None),
    }
}

/// Returns about how long the reply to a line will be, before the login.
fn reply_bytes(line: &Parsed) -> usize {
    match line {
        Parsed::Nothing => 0,
        Parsed::Request(request)
            if matches!(request.body, Body::Session(SessionCommand::Help {})) =>
        {
            HELP_BYTES
        }
        _ => LINE_BYTES,
    }
}

fn check_without_login(line: &Parsed) -> Result<(), Refusal> {
    use SessionCommand as S;
    let may = match line {
        Parsed::Nothing => true,
        Parsed::Request(request) => matches!(
            request.body,
            Body::Session(S::Auth { .. } | S::Help {} | S::Ping {} | S::Quit {})
        ),
        Parsed::Invalid(invalid) => invalid.attempt.is_none(),
    };
    if may { Ok(()) } else { Err(Refusal::AuthRequired) }
}

fn deliver(target: &ReplyTarget, to: ReplyTo, body: &ReplyBody) {
    let mut replies = Replies::default();
    replies.push(to, body);
    target.sink().deliver(&mut replies);
}
