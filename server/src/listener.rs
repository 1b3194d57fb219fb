//! The accept loop with its limit on connections.

use crate::session::{Context, serve};
use daytrade_protocol::{LineBuffer, Refusal, ReplyBody};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// Pause after a failed `accept`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the server stops. Each connection is a task in `sessions`.
pub(crate) async fn listen_on(
    listener: TcpListener,
    context: Context,
    sessions: TaskTracker,
    max_connections: usize,
) {
    let turns = Arc::new(Semaphore::new(max_connections));
    loop {
        let accepted = tokio::select! {
            () = context.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(turn) = Arc::clone(&turns).try_acquire_owned() else {
            context.stats.connections_refused.fetch_add(1, Ordering::Relaxed);
            sessions.spawn(turn_away(stream));
            continue;
        };
        let context = context.clone();
        sessions.spawn(async move {
            let stats = Arc::clone(&context.stats);
            stats.connections.fetch_add(1, Ordering::Relaxed);
            // Replies are written as a whole, so Nagle's algorithm would only add delay.
            let served = match stream.set_nodelay(true) {
                Ok(()) => {
                    let (reader, writer) = stream.into_split();
                    serve(reader, writer, context).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended early");
            }
            stats.connections.fetch_sub(1, Ordering::Relaxed);
            drop(turn);
        });
    }
}

async fn turn_away(mut stream: TcpStream) {
    let mut line = LineBuffer::default();
    ReplyBody::write_refusal(&Refusal::TooManyConnections, None, &mut line);
    // The client may already be gone, which is not an error.
    let _ = stream.write_all(line.as_bytes()).await;
    let _ = stream.shutdown().await;
}
