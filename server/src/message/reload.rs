//! A request of another program to read the settings again.

use tokio::sync::oneshot;

/// It is answered once everything that can change has changed, or with the reason why not all has.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;
