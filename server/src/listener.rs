//! The accept loop with its limit on connections.

use crate::limits::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, KEEPALIVE_TIMEOUT_MS};
use crate::open_files::OpenFiles;
use crate::session::{Context, serve};
use daytrade_protocol::{LineBuffer, Refusal, ReplyBody};
use rustix::net::sockopt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// Pause after a failed `accept`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Longest time that a client which is turned away has to read the reason.
const TURN_AWAY: Duration = Duration::from_millis(500);

/// Accepts connections until the server stops. Each connection is a task in `sessions`.
pub(crate) async fn listen_on(
    listener: TcpListener,
    context: Context,
    sessions: TaskTracker,
    places: OpenFiles,
) {
    let turns = Arc::new(Semaphore::new(places.connections));
    let leavers = Arc::new(Semaphore::new(places.turned_away));
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
            if let Ok(leaving) = Arc::clone(&leavers).try_acquire_owned() {
                sessions.spawn(async move {
                    turn_away(stream).await;
                    drop(leaving);
                });
            } else {
                // Past the second bound it is told and closed at once.
                let _ = stream.try_write(turned_away_line().as_bytes());
            }
            continue;
        };
        let context = context.clone();
        sessions.spawn(async move {
            let stats = Arc::clone(&context.stats);
            stats.connections.fetch_add(1, Ordering::Relaxed);
            let served = match configure(&stream) {
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

/// Sets the options of a connection's socket.
fn configure(stream: &TcpStream) -> std::io::Result<()> {
    // Replies are written as a whole, so Nagle's algorithm would only add delay.
    stream.set_nodelay(true)?;
    // A peer that has vanished without a word gives its place back.
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, KEEPALIVE_PROBES)?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(stream, KEEPALIVE_TIMEOUT_MS)?;
    Ok(())
}

/// Tells a client that there is no place for it. What it has already sent is read first: closing a
/// socket with unread bytes would reset the connection and destroy the reply on its way.
async fn turn_away(mut stream: TcpStream) {
    let line = turned_away_line();
    // The client may already be gone, which is not an error.
    let farewell = async {
        stream.write_all(line.as_bytes()).await?;
        stream.shutdown().await?;
        let mut unread = [0; 1024];
        while stream.read(&mut unread).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    let _ = tokio::time::timeout(TURN_AWAY, farewell).await;
}

fn turned_away_line() -> LineBuffer {
    let mut line = LineBuffer::default();
    ReplyBody::write_refusal(&Refusal::TooManyConnections, None, &mut line);
    line
}
