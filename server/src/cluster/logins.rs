//! The logins of a cluster: the newest message of their stream is the file that every server has.

use super::nats::{LOGINS, Nats};
use crate::journal::Answer;
use crate::limits::HEARTBEAT;
use bytes::Bytes;
use futures_util::StreamExt as _;

/// The file of one server.
pub(crate) trait LoginFile: Send + Sync + 'static {
    /// Returns its content; None if there is no file, or it cannot be read.
    fn read(&self) -> Option<String>;

    /// Replaces its content and puts it into force.
    ///
    /// # Errors
    /// If it cannot be written, or is no file of logins.
    fn replace(&self, text: &str) -> anyhow::Result<()>;
}

/// Keeps the file of this server and those of the others the same, from now on.
pub(crate) async fn follow_logins(nats: Nats, file: impl LoginFile) {
    let mut known = Known { number: 0, text: None };
    loop {
        if let Err(error) = follow(&nats, &file, &mut known).await {
            let error = format!("{error:#}");
            tracing::debug!(error, "the stream of the logins is silent");
        }
        tokio::time::sleep(HEARTBEAT).await;
    }
}

/// The newest message.
struct Known {
    number: u64,
    text: Option<String>,
}

async fn follow(nats: &Nats, file: &impl LoginFile, known: &mut Known) -> anyhow::Result<()> {
    let last = nats.last(LOGINS).await?;
    let messages = nats.messages(LOGINS, known.number.max(last.max(1) - 1) + 1).await?;
    let mut messages = std::pin::pin!(messages);
    let mut checks = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            biased;
            message = messages.next() => {
                let Some(message) = message else { return Ok(()) };
                let (number, bytes) = message?;
                take(file, known, number, &bytes);
            }
            _ = checks.tick() => {
                if known.number >= last {
                    publish_change(nats, file, known).await;
                }
            }
        }
    }
}

/// Takes a message: another server has changed the logins.
fn take(file: &impl LoginFile, known: &mut Known, number: u64, bytes: &[u8]) {
    if number <= known.number {
        return;
    }
    known.number = number;
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let is_new = known.text.as_deref() != Some(text);
    if is_new && file.read().as_deref() != Some(text) {
        match file.replace(text) {
            Ok(()) => tracing::info!(number, "took over the logins of the cluster"),
            Err(error) => tracing::error!(error = format!("{error:#}"), "logins not taken over"),
        }
    }
    known.text = Some(text.to_owned());
}

/// Tells the others if the file has been changed here.
async fn publish_change(nats: &Nats, file: &impl LoginFile, known: &mut Known) {
    let Some(text) = file.read().filter(|text| known.text.as_ref() != Some(text)) else { return };
    let number = known.number + 1;
    match nats.append(LOGINS, number, Bytes::from(text.clone())).await {
        Answer::Stored(stored) => {
            *known = Known { number: stored, text: Some(text) };
            tracing::info!(number = stored, "the logins were changed here; the others are told");
        }
        Answer::WrongLast => {
            tracing::warn!(
                "the logins were changed on two servers at once; repeat the change here"
            );
        }
        Answer::Unknown => {}
    }
}
