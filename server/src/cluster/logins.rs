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
    let mut known = Known { number: 0, file: None, refused: None, passed: None };
    loop {
        if let Err(error) = follow(&nats, &file, &mut known).await {
            let error = format!("{error:#}");
            tracing::debug!(error, "the stream of the logins is silent");
        }
        tokio::time::sleep(HEARTBEAT).await;
    }
}

/// The newest message, and the file as it was when it was last in agreement.
struct Known {
    number: u64,
    file: Option<String>,
    /// A message that could not be put into force here.
    refused: Option<String>,
    /// The change of this server that another one was faster than.
    passed: Option<String>,
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
    if let Ok(text) = std::str::from_utf8(bytes) {
        if known.passed.take().is_some_and(|passed| passed != text) {
            tracing::warn!(
                "the logins were changed on two servers at once; repeat the change here"
            );
        }
        put_into_force(file, known, text);
    }
}

fn put_into_force(file: &impl LoginFile, known: &mut Known, text: &str) {
    let replaced = if file.read().as_deref() == Some(text) { Ok(()) } else { file.replace(text) };
    known.refused = match replaced {
        Ok(()) => None,
        Err(error) => {
            if known.refused.as_deref() != Some(text) {
                let error = format!("{error:#}");
                tracing::error!(error, "the logins of the cluster cannot be used here");
            }
            Some(text.to_owned())
        }
    };
    // What is there now is no change of this server.
    known.file = file.read();
}

/// Tells the others if the file has been changed here.
async fn publish_change(nats: &Nats, file: &impl LoginFile, known: &mut Known) {
    if let Some(text) = known.refused.take() {
        return put_into_force(file, known, &text);
    }
    let Some(text) = file.read().filter(|text| known.file.as_ref() != Some(text)) else { return };
    let number = known.number + 1;
    match nats.append(LOGINS, number, Bytes::from(text.clone())).await {
        Answer::Stored(stored) => {
            (known.number, known.file) = (stored, Some(text));
            tracing::info!(number = stored, "the logins were changed here; the others are told");
        }
        Answer::WrongLast => known.passed = Some(text),
        Answer::Unknown => {}
    }
}
