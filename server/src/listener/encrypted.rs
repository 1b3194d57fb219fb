//! Connections over TLS: the handshake, the refusal of plain bytes, and the session after it.

use super::{Gate, LOOK_TIMEOUT, farewell};
use crate::access::{Door, LoginEvent};
use crate::session::{ReplyWriter, serve};
use crate::tls::Tls;
use daytrade_protocol::{LineBuffer, Refusal, ReplyBody, TLS_HANDSHAKE};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncWriteExt as _, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::server::TlsStream;

/// A shard never encrypts: the session writes, and flushes.
impl ReplyWriter for WriteHalf<TlsStream<TcpStream>> {
    fn try_write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn has_buffer(&self) -> bool {
        true
    }
}

/// Serves a connection from its first byte to its end.
pub(super) async fn serve_encrypted(
    stream: TcpStream,
    tls: &Tls,
    gate: &Gate,
    door: Door,
) -> io::Result<()> {
    let (by, displaced) = (door.log_in_by, door.displaced.clone());
    let enter = async {
        if !begins_with_handshake(&stream).await? {
            let refusal = Refusal::TlsRequired;
            gate.context.stats.line_refused(refusal.code());
            farewell(stream, &line_of(&refusal)).await;
            return Ok(None);
        }
        tls.acceptor().accept(stream).await.map(Some)
    };
    let entered = tokio::select! {
        entered = timeout_at(by, enter) => entered.unwrap_or(Err(io::ErrorKind::TimedOut.into())),
        () = displaced.cancelled() => Err(io::ErrorKind::ConnectionAborted.into()),
    };
    let stream = match entered {
        Ok(Some(stream)) => stream,
        Ok(None) => return Ok(()),
        Err(error) => {
            door.logins.note(None, door.peer, LoginEvent::TlsFailed);
            return Err(error);
        }
    };
    let (reader, writer) = tokio::io::split(stream);
    serve(reader, writer, Arc::clone(&gate.context), Some(door)).await
}

/// Tells a client over TLS why there is no place for it.
pub(super) async fn turn_away(stream: TcpStream, tls: &Tls, refusal: &Refusal) {
    let line = line_of(refusal);
    let told = async {
        let mut stream = tls.acceptor().accept(stream).await?;
        stream.write_all(line.as_bytes()).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(LOOK_TIMEOUT, told).await;
}

fn line_of(refusal: &Refusal) -> LineBuffer {
    let mut line = LineBuffer::default();
    ReplyBody::write_refusal(refusal, None, &mut line);
    line
}

async fn begins_with_handshake(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    let read = stream.peek(&mut first).await?;
    // A client that has gone again has sent nothing wrong.
    Ok(read == 0 || first == [TLS_HANDSHAKE])
}
