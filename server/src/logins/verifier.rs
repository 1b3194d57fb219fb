//! Threads that hash passwords. A hash takes 40 ms and 19 MiB, so two are made at once, and only so
//! many wait.

use super::secrets::{hash_password, is_password};
use crate::limits::{PASSWORD_HASHES_AT_ONCE, PASSWORD_HASHES_WAITING};
use crate::runtime::NO_THREAD;
use anyhow::Context as _;
use daytrade_protocol::Secret;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;
use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// Hashes passwords on its threads.
#[derive(Clone)]
pub(super) struct Verifier {
    work: SyncSender<Work>,
    /// A hash of no password, for names that do not exist.
    dummy: Arc<str>,
}

/// Too many passwords wait to be hashed.
#[derive(Debug)]
pub(super) struct Busy;

impl Verifier {
    /// Creates the threads now, so that no later login needs one that the system does not have.
    ///
    /// # Errors
    /// If the system has no thread left, or no randomness.
    pub(super) fn start() -> anyhow::Result<Self> {
        let (work, queue) = sync_channel::<Work>(PASSWORD_HASHES_WAITING);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..PASSWORD_HASHES_AT_ONCE {
            let queue = Arc::clone(&queue);
            let run = move || {
                while next(&queue).is_some_and(|work| {
                    work();
                    true
                }) {}
            };
            Builder::new().name(format!("passwords-{number}")).spawn(run).context(NO_THREAD)?;
        }
        let nobody = Secret::parse(super::secrets::random_text(32)?.as_bytes());
        let dummy = hash_password(&nobody.context("not a secret")?)?.into();
        Ok(Self { work, dummy })
    }

    /// Verifies a password. `hash` is None for a login that does not exist or has no password,
    /// which takes as long.
    pub(super) async fn is_password(
        &self,
        secret: Secret,
        hash: Option<String>,
    ) -> Result<bool, Busy> {
        let dummy = Arc::clone(&self.dummy);
        self.run(move || {
            let exists = hash.is_some();
            is_password(&secret, &hash.map_or(dummy, Arc::from)) & exists
        })
        .await
    }

    /// Hashes a password.
    pub(super) async fn hash(&self, secret: Secret) -> Result<anyhow::Result<String>, Busy> {
        self.run(move || hash_password(&secret)).await
    }

    /// Runs work that may take long on one of the threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (done, result) = oneshot::channel();
        let work = Box::new(move || drop(done.send(work())));
        self.work.try_send(work).map_err(|_| Busy)?;
        result.await.map_err(|_| Busy)
    }
}

fn next(queue: &Mutex<Receiver<Work>>) -> Option<Work> {
    queue.lock().recv().ok()
}
