//! What a session of a cluster hears of its accounts moving to another server.

use crate::message::Route;
use daytrade_protocol::{Refusal, SessionCommand};
use std::task::{Context, Poll};
use tokio::sync::watch;
use tokio_util::sync::ReusableBoxFuture;

/// Waits until the accounts move to another server.
pub(super) struct Moves {
    route: watch::Receiver<Route>,
    moved: ReusableBoxFuture<'static, Option<Box<str>>>,
}

impl Moves {
    /// Creates it for one session.
    pub(super) fn new(route: watch::Receiver<Route>) -> Self {
        let moved = ReusableBoxFuture::new(next_move(route.clone()));
        Self { route, moved }
    }

    /// Returns the address when the accounts have just moved; otherwise the task is woken when they
    /// do.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Option<Box<str>> {
        let Poll::Ready(address) = self.moved.poll(context) else { return None };
        match address {
            Some(_) => self.moved.set(next_move(self.route.clone())),
            // The server ends.
            None => self.moved.set(std::future::pending()),
        }
        address
    }
}

/// Waits until the accounts are not at another server, and then until they are.
async fn next_move(mut route: watch::Receiver<Route>) -> Option<Box<str>> {
    route.wait_for(|route| !matches!(route, Route::At(_))).await.ok()?;
    match &*route.wait_for(|route| matches!(route, Route::At(_))).await.ok()? {
        Route::At(address) => Some(address.clone()),
        _ => None,
    }
}

/// Returns why a command about the connection is not carried out here, if the accounts are not.
/// Those that shards answer are refused by them.
pub(super) fn refusal_of(
    route: Option<&watch::Receiver<Route>>,
    command: &SessionCommand,
) -> Option<Refusal> {
    match command {
        SessionCommand::Passwd { .. }
        | SessionCommand::ReadLog { .. }
        | SessionCommand::Report { .. }
        | SessionCommand::Market { .. }
        | SessionCommand::Watch { .. }
        | SessionCommand::Open { .. } => match &*route?.borrow() {
            Route::Here => None,
            Route::At(address) => Some(Refusal::Moved(address.clone())),
            Route::Sought | Route::Nowhere => Some(Refusal::NoOwner),
        },
        SessionCommand::Ping {}
        | SessionCommand::Help {}
        | SessionCommand::Stats {}
        | SessionCommand::Quit {}
        | SessionCommand::Auth { .. }
        | SessionCommand::Whoami {}
        | SessionCommand::Subscribe { .. }
        | SessionCommand::Unsubscribe { .. }
        | SessionCommand::Unwatch { .. } => None,
    }
}
