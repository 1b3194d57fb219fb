//! Tests of the link against servers made for them.

use super::*;
use crate::app::Health;
use daytrade_protocol::{Body, SessionCommand, Tag};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

fn quit(tag: u64) -> LinkRequest {
    let body = Body::Session(SessionCommand::Quit {});
    LinkRequest::Send(Request { tag: Tag::new(tag), noreply: false, body })
}

/// A server for one link, which the test plays.
struct Server {
    listener: TcpListener,
    requests: UnboundedSender<LinkRequest>,
    events: UnboundedReceiver<LinkEvent>,
}

impl Server {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let address = crate::remote::ServerAddress::parse(&address).ok().unwrap();
        let (requests, events) = spawn_link(crate::remote::Server::plain(address), || 0);
        Self { listener, requests, events }
    }

    /// Accepts a connection and answers its first PING.
    async fn bring_up(&mut self) -> BufReader<TcpStream> {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        answer_ping(&mut stream).await;
        assert!(matches!(self.events.recv().await, Some(LinkEvent::Up(None))));
        assert!(matches!(self.events.recv().await, Some(LinkEvent::Health(Health::Good))));
        stream
    }

    async fn down(&mut self) -> (String, u32) {
        match self.events.recv().await {
            Some(LinkEvent::Down { cause, attempt, .. }) => (cause, attempt),
            other => panic!("{other:?}"),
        }
    }
}

async fn next_line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    line
}

async fn answer_ping(stream: &mut BufReader<TcpStream>) {
    let ping = next_line(stream).await;
    let tag = ping.strip_suffix("PING\n").unwrap_or_else(|| panic!("{ping:?}"));
    stream.write_all(format!("{tag}OK,PING\n").as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_request_is_sent_once_and_never_after_a_reconnect() {
    let mut server = Server::new().await;
    let mut stream = server.bring_up().await;
    server.requests.send(quit(1)).unwrap();
    server.requests.send(quit(2)).unwrap();
    for expected in ["[1] QUIT\n", "[2] QUIT\n"] {
        assert_eq!(next_line(&mut stream).await, expected);
    }
    stream.write_all(b"[1] OK,QUIT\n").await.unwrap();
    let reply = server.events.recv().await;
    assert!(matches!(reply, Some(LinkEvent::Line { took_us: Some(_), .. })), "{reply:?}");
    drop(stream);
    assert_eq!(server.down().await.1, 1);
    server.requests.send(quit(3)).unwrap();
    server.requests.send(LinkRequest::Reconnect).unwrap();
    let mut stream = server.bring_up().await;
    server.requests.send(quit(4)).unwrap();
    assert_eq!(next_line(&mut stream).await, "[4] QUIT\n");
}

#[tokio::test]
async fn a_server_that_stops_answering_is_slow_then_silent_then_lost() {
    let mut server = Server::new().await;
    let stream = server.bring_up().await;
    // From here on only time passes.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let mut seen = Vec::new();
    loop {
        match server.events.recv().await.unwrap() {
            LinkEvent::Health(health) => seen.push((health, begun.elapsed().as_secs())),
            LinkEvent::Down { cause, .. } => {
                assert_eq!(cause, "no answer for 10 s");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    // The PING is sent after five seconds without a request.
    assert_eq!(seen, [(Health::Slow, 6), (Health::NoReply, 8)]);
    assert_eq!(begun.elapsed().as_secs(), 15);
    drop(stream);
}

#[tokio::test]
async fn a_port_that_never_speaks_is_not_live() {
    let mut server = Server::new().await;
    let (mut stream, _) = server.listener.accept().await.unwrap();
    let mut ping = [0; 26];
    stream.read_exact(&mut ping).await.unwrap();
    tokio::time::pause();
    let (cause, attempt) = server.down().await;
    assert!(cause.ends_with("no answer for 10 s") && attempt == 2, "{cause}, attempt {attempt}");
}

#[tokio::test]
async fn another_protocol_is_named_and_the_attempts_are_counted() {
    let mut server = Server::new().await;
    for attempt in [2, 3] {
        let (mut stream, _) = server.listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
        let (cause, at) = server.down().await;
        assert!(cause.contains("not a daytrade server (it sent \"HTTP/1.1 400"), "{cause}");
        assert_eq!(at, attempt);
        server.requests.send(LinkRequest::Reconnect).unwrap();
    }
}

#[tokio::test]
async fn an_endless_line_ends_the_connection() {
    let mut server = Server::new().await;
    let mut stream = server.bring_up().await;
    stream.write_all(&vec![b'x'; crate::net::SERVER_LINE_BYTES_MAX + 1]).await.unwrap();
    assert!(server.down().await.0.contains("an endless line"));
}
