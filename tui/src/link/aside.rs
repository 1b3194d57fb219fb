//! A REPORT over a connection of its own. The records of an account may be many, and what follows a
//! REPORT on its connection waits for it: no order must.

use super::exchange::read_line;
use crate::app::LinkEvent;
use crate::net::{answers, clean};
use crate::remote::Server;
use daytrade_protocol::{Code, Reply, ReplyBody, Request, ServerLine};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

/// Time for which the server may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Sends a request and passes the lines of its reply on, as if they had arrived with all others. If
/// that fails, the reply is a refusal.
pub(super) async fn ask(server: Server, request: Request, events: UnboundedSender<LinkEvent>) {
    let Err(cause) = exchange(&server, &request, &events).await else { return };
    let body = ReplyBody::Refused { code: Code::Overloaded, message: cause.into() };
    let line = ServerLine::Reply(Reply { tag: request.tag, body });
    let _ = events.send(LinkEvent::Line { line, text: String::new(), took_us: None });
}

async fn exchange(
    server: &Server,
    request: &Request,
    events: &UnboundedSender<LinkEvent>,
) -> Result<(), String> {
    let (stream, _) = server.connect().await.map_err(|error| error.cause)?;
    let (reader, mut writer) = tokio::io::split(stream);
    let mut bytes = Vec::new();
    request.write_to(&mut bytes);
    let text = |error: io::Error| error.to_string();
    writer.write_all(&bytes).await.map_err(text)?;
    writer.flush().await.map_err(text)?;
    let (mut reader, mut line) = (BufReader::new(reader), Vec::new());
    loop {
        match timeout(SILENCE_MAX, read_line(&mut reader, &mut line)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Err("the server has closed the connection".to_owned()),
            Ok(Err(error)) => return Err(error.to_string()),
            // A long journal takes its time to read.
            Err(_) if answers(server).await => continue,
            Err(_) => return Err("no answer".to_owned()),
        }
        let text = clean(&String::from_utf8_lossy(&line));
        line.clear();
        let Ok(line) = ServerLine::parse(text.as_bytes()) else { continue };
        // The link follows the accounts, and the screen asks again there.
        if is_moved(&line) {
            return Ok(());
        }
        let is_last = matches!(&line, ServerLine::Reply(reply) if reply.tag == request.tag);
        if events.send(LinkEvent::Line { line, text, took_us: None }).is_err() || is_last {
            return Ok(());
        }
    }
}

fn is_moved(line: &ServerLine) -> bool {
    matches!(
        line,
        ServerLine::Reply(Reply { body: ReplyBody::Refused { code: Code::Moved, .. }, .. })
    )
}
