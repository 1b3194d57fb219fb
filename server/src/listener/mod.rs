//! The accept loops with their limits on connections.

mod doorway;
#[cfg(feature = "remote")]
mod encrypted;

pub(crate) use doorway::Entrance;

use crate::limits::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, KEEPALIVE_TIMEOUT_MS};
use crate::open_files::OpenFiles;
use crate::session::{Context, serve};
#[cfg(feature = "remote")]
use crate::tls::Tls;
use daytrade_protocol::{LineBuffer, Refusal, ReplyBody};
use rustix::net::sockopt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

/// Pause after a failed `accept`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Longest time that a client which is turned away has to read the reason.
const TURN_AWAY: Duration = Duration::from_millis(500);

/// Longest time that a client which is turned away has for its TLS handshake.
#[cfg(feature = "remote")]
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// The places for connections, shared by all addresses of a server.
#[derive(Clone)]
pub(crate) struct Places {
    /// Places for connections that are served.
    pub served: Arc<Semaphore>,
    /// Places for connections that are told why they are not.
    pub turned_away: Arc<Semaphore>,
}

impl Places {
    /// Creates as many places as there are files for.
    pub(crate) fn new(files: OpenFiles) -> Self {
        Self {
            served: Arc::new(Semaphore::new(files.connections)),
            turned_away: Arc::new(Semaphore::new(files.turned_away)),
        }
    }
}

/// None at all.
impl Default for Places {
    fn default() -> Self {
        let none = || Arc::new(Semaphore::new(0));
        Self { served: none(), turned_away: none() }
    }
}

/// How connections to one address are taken in.
#[derive(Clone, Default)]
pub(crate) struct Manner {
    /// Where they log in; None if they need not.
    pub(crate) entrance: Option<Entrance>,
    /// The certificate; None for plain lines.
    #[cfg(feature = "remote")]
    pub(crate) tls: Option<Arc<Tls>>,
}

/// What the accept loop of one address needs.
pub(crate) struct Gate {
    /// What all sessions share.
    pub context: Arc<Context>,
    /// Counts the sessions.
    pub sessions: TaskTracker,
    /// The places for connections.
    pub places: Places,
    /// How connections are taken in.
    pub manner: Manner,
}

/// Accepts connections until the server stops. Each connection is a task.
pub(crate) async fn listen_on(listener: TcpListener, gate: Arc<Gate>) {
    loop {
        let accepted = tokio::select! {
            () = gate.context.stop.begun() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(stream, peer.ip().to_canonical(), &gate),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves a connection, or tells it why not.
fn admit(stream: TcpStream, peer: IpAddr, gate: &Arc<Gate>) {
    let Ok(turn) = Arc::clone(&gate.places.served).try_acquire_owned() else {
        if let Some(entrance) = &gate.manner.entrance {
            // For the next one.
            entrance.displace();
        }
        return turn_away(stream, gate, &Refusal::TooManyConnections);
    };
    let entrance = gate.manner.entrance.as_ref();
    let of_address = entrance.map(|entrance| entrance.enter(peer).ok_or(entrance));
    let of_address = match of_address.transpose() {
        Ok(place) => place,
        Err(entrance) => {
            let refusal = Refusal::TooManyOfAddress(entrance.most_of_address());
            return turn_away(stream, gate, &refusal);
        }
    };
    let gate = Arc::clone(gate);
    gate.sessions.clone().spawn(async move {
        let stats = Arc::clone(&gate.context.stats);
        stats.connections.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = serve_one(stream, peer, &gate).await {
            tracing::debug!(%error, "a connection ended early");
        }
        stats.connections.fetch_sub(1, Ordering::Relaxed);
        drop((turn, of_address));
    });
}

async fn serve_one(stream: TcpStream, peer: IpAddr, gate: &Gate) -> io::Result<()> {
    configure(&stream)?;
    let door = gate.manner.entrance.as_ref().map(|entrance| entrance.door(peer));
    #[cfg(feature = "remote")]
    let door = match (&gate.manner.tls, door) {
        (Some(tls), Some(door)) => {
            return encrypted::serve_encrypted(stream, tls, gate, door).await;
        }
        (_, door) => door,
    };
    let (reader, writer) = stream.into_split();
    serve(reader, writer, Arc::clone(&gate.context), door).await
}

/// Sets the options of a connection's socket.
fn configure(stream: &TcpStream) -> io::Result<()> {
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

/// Tells a client why there is no place for it, as long as there is one among those who are told.
fn turn_away(stream: TcpStream, gate: &Arc<Gate>, refusal: &Refusal) {
    gate.context.stats.connections_refused.fetch_add(1, Ordering::Relaxed);
    let leaving = Arc::clone(&gate.places.turned_away).try_acquire_owned();
    #[cfg(feature = "remote")]
    if let Some(tls) = gate.manner.tls.clone() {
        if let Ok(leaving) = leaving {
            let refusal = refusal.clone();
            gate.sessions.spawn(async move {
                encrypted::turn_away(stream, &tls, &refusal).await;
                drop(leaving);
            });
        }
        return;
    }
    turn_away_plain(stream, leaving.ok(), gate, refusal);
}

fn turn_away_plain(
    stream: TcpStream,
    leaving: Option<OwnedSemaphorePermit>,
    gate: &Gate,
    refusal: &Refusal,
) {
    let mut line = LineBuffer::default();
    ReplyBody::write_refusal(refusal, None, &mut line);
    if leaving.is_some() {
        gate.sessions.spawn(async move {
            farewell(stream, &line).await;
            drop(leaving);
        });
    } else {
        // Past the second bound it is told and closed at once.
        let _ = stream.try_write(line.as_bytes());
    }
}

/// Sends a last line. What the client has already sent is read first: closing a socket with unread
/// bytes would reset the connection and destroy the line on its way.
async fn farewell(mut stream: TcpStream, line: &LineBuffer) {
    // The client may already be gone, which is not an error.
    let told = async {
        stream.write_all(line.as_bytes()).await?;
        stream.shutdown().await?;
        let mut unread = [0; 1024];
        while stream.read(&mut unread).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    let _ = tokio::time::timeout(TURN_AWAY, told).await;
}
