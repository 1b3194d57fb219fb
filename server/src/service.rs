//! What a service manager hears of the server: systemd's notifications. Without one, nobody hears.

use crate::server::Pulse;
use sd_notify::NotifyState;

/// Says that the server has started, and from then on that it works, if the service manager wants
/// to know. Must be called within a tokio runtime.
pub(crate) fn started(pulse: Pulse) {
    tell(&[NotifyState::Ready]);
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    tokio::spawn(async move {
        loop {
            if pulse.beats(period / 2).await {
                tell(&[NotifyState::Watchdog]);
            } else {
                tracing::error!("a shard does not answer: the service manager is told nothing");
            }
            tokio::time::sleep(period / 4).await;
        }
    });
}

/// Says that the server stops.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager was not told");
    }
}
