//! The address of a quote server. A name is looked up once and kept for a while: look-ups run one
//! at a time on one thread, and a slow one must not hold up every quote.

use crate::limits::{HOST_FAILURE_KEPT, HOST_KEPT};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A `HOST:PORT` and the addresses it stands for.
pub(super) struct Host {
    text: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The result of the last look-up, with its time.
    last: Option<(Instant, Addresses)>,
    /// The look-up under way. Who waits for it may give up; it goes on.
    running: Option<JoinHandle<io::Result<Arc<[SocketAddr]>>>>,
}

/// The result of a look-up. The error can be returned more than once.
type Addresses = Result<Arc<[SocketAddr]>, (io::ErrorKind, String)>;

impl State {
    fn fresh(&self) -> Option<&Addresses> {
        let (at, last) = self.last.as_ref()?;
        let kept = if last.is_ok() { HOST_KEPT } else { HOST_FAILURE_KEPT };
        (at.elapsed() < kept).then_some(last)
    }
}

impl Host {
    /// Takes a `HOST:PORT`, without looking it up.
    pub(super) fn new(text: String) -> Self {
        Self { text, state: Mutex::default() }
    }

    /// Returns the `HOST:PORT`.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the addresses. Callers at the same time share one look-up. While it takes its time,
    /// and if it fails, the addresses of the last good one are used.
    ///
    /// # Errors
    /// Returns the error of the look-up, if none was good before.
    pub(super) async fn addresses(&self) -> io::Result<Arc<[SocketAddr]>> {
        if let Ok(address) = self.text.parse::<SocketAddr>() {
            return Ok([address].into());
        }
        let mut state = self.state.lock().await;
        if state.fresh().is_none() {
            let State { last, running } = &mut *state;
            let text = self.text.clone();
            let running = running.get_or_insert_with(|| {
                tokio::spawn(async move { Ok(tokio::net::lookup_host(&text).await?.collect()) })
            });
            if let (false, Some((_, Ok(before)))) = (running.is_finished(), &*last) {
                // Good until the look-up has ended, however long that takes.
                return Ok(Arc::clone(before));
            }
            let found = running.await.unwrap_or_else(|stopped| Err(io::Error::other(stopped)));
            state.running = None;
            let addresses = match (found, state.last.take()) {
                (Err(_), Some((_, Ok(before)))) => Ok(before),
                (found, _) => found.map_err(|error| (error.kind(), error.to_string())),
            };
            state.last = Some((Instant::now(), addresses));
        }
        match &state.last {
            Some((_, Ok(addresses))) => Ok(Arc::clone(addresses)),
            Some((_, Err((kind, message)))) => Err(io::Error::new(*kind, message.clone())),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_used_and_a_name_is_looked_up_once() {
        let address = Host::new("127.0.0.1:4444".to_owned());
        assert_eq!(*address.addresses().await.unwrap(), ["127.0.0.1:4444".parse().unwrap()]);

        let name = Host::new("localhost:4444".to_owned());
        let first = name.addresses().await.unwrap();
        assert!(first.iter().all(|found| found.ip().is_loopback() && found.port() == 4444));
        assert!(Arc::ptr_eq(&first, &name.addresses().await.unwrap()), "it is kept");

        let none = Host::new("no such host".to_owned());
        assert!(none.addresses().await.is_err() && none.addresses().await.is_err());
    }
}
