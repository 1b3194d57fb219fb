//! Tests of the link against servers made for them.

use super::*;
use crate::app::Health;
use daytrade_protocol::{Body, Command, SessionCommand, Tag, UserName};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

fn quit(tag: u64) -> LinkRequest {
    let body = Body::Session(SessionCommand::Quit {});
    LinkRequest::Send(Request { tag: Tag::new(tag), noreply: false, body })
}

fn summary(tag: u64) -> LinkRequest {
    let user = UserName::parse(b"al").unwrap();
    let body = Body::Command(Command::DisplaySummary { user });
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

/// Brings a link up that has followed the accounts to this listener.
async fn bring_up_at(
    listener: &TcpListener,
    events: &mut UnboundedReceiver<LinkEvent>,
) -> BufReader<TcpStream> {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    answer_ping(&mut stream).await;
    assert!(matches!(events.recv().await, Some(LinkEvent::Up(None))));
    assert!(matches!(events.recv().await, Some(LinkEvent::Health(Health::Good))));
    stream
}

/// Returns what the link has followed to.
async fn followed(events: &mut UnboundedReceiver<LinkEvent>) -> (String, Vec<u64>) {
    loop {
        match events.recv().await {
            Some(LinkEvent::Followed { address, again }) => return (address, again),
            Some(LinkEvent::Line { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_was_not_carried_out_is_sent_first_where_the_accounts_are() {
    let mut server = Server::new().await;
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = second.local_addr().unwrap().to_string();
    let mut stream = server.bring_up().await;
    for tag in 1..=5 {
        server.requests.send(summary(tag)).unwrap();
        assert_eq!(next_line(&mut stream).await, format!("[{tag}] DISPLAY_SUMMARY,al\n"));
    }
    server.requests.send(quit(6)).unwrap();
    assert_eq!(next_line(&mut stream).await, "[6] QUIT\n");
    // The third has no reply although a later one has, and the fourth may have been carried out.
    let replies = format!(
        "[1] ERR,MOVED,{address}\n[2] OK,DISPLAY_SUMMARY\n[4] ERR,UNKNOWN,nobody knows\n\
         * BYE,MOVED\n"
    );
    stream.write_all(replies.as_bytes()).await.unwrap();
    assert_eq!(followed(&mut server.events).await, (address, vec![1, 5]));
    let mut stream = bring_up_at(&second, &mut server.events).await;
    server.requests.send(quit(7)).unwrap();
    for expected in ["[1] DISPLAY_SUMMARY,al\n", "[5] DISPLAY_SUMMARY,al\n", "[7] QUIT\n"] {
        assert_eq!(next_line(&mut stream).await, expected);
    }
}

#[tokio::test]
async fn after_a_loss_the_server_that_was_named_first_is_tried_as_well() {
    let mut server = Server::new().await;
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (first, address) =
        (server.listener.local_addr().unwrap(), second.local_addr().unwrap().to_string());
    let mut stream = server.bring_up().await;
    stream.write_all(format!("* MOVED,{address}\n* BYE,MOVED\n").as_bytes()).await.unwrap();
    assert_eq!(followed(&mut server.events).await, (address, vec![]));
    drop(bring_up_at(&second, &mut server.events).await);
    drop(second);
    assert_eq!(server.down().await.1, 1);
    server.requests.send(LinkRequest::Reconnect).unwrap();
    assert_eq!(server.down().await.1, 2);
    server.requests.send(LinkRequest::Reconnect).unwrap();
    match server.events.recv().await {
        Some(LinkEvent::Moved(address)) => assert_eq!(address, first.to_string()),
        other => panic!("{other:?}"),
    }
    server.bring_up().await;
}

#[tokio::test]
async fn plain_lines_are_not_followed_to_another_machine() {
    let mut server = Server::new().await;
    let mut stream = server.bring_up().await;
    server.requests.send(summary(1)).unwrap();
    next_line(&mut stream).await;
    stream.write_all(b"[1] ERR,MOVED,192.0.2.7:1\n* BYE,MOVED\n").await.unwrap();
    let reply = server.events.recv().await;
    assert!(matches!(&reply, Some(LinkEvent::Line { text, .. }) if text.contains("MOVED")));
    let (cause, _) = server.down().await;
    assert!(cause.contains("192.0.2.7:1") && cause.contains("without TLS"), "{cause}");
}

#[tokio::test]
async fn a_screen_that_cannot_subscribe_because_nobody_has_the_accounts_is_not_live() {
    let mut server = Server::new().await;
    let mut stream = server.bring_up().await;
    let body = Body::Session(SessionCommand::Subscribe { user: UserName::parse(b"al").unwrap() });
    let request = Request { tag: Tag::new(1), noreply: false, body };
    server.requests.send(LinkRequest::Send(request)).unwrap();
    next_line(&mut stream).await;
    let refusal = daytrade_protocol::Refusal::NoOwner;
    stream.write_all(format!("[1] ERR,READ_ONLY,{refusal}\n").as_bytes()).await.unwrap();
    let (cause, attempt) = server.down().await;
    assert!(cause.contains("no server of the cluster owns the accounts"), "{cause}");
    assert_eq!(attempt, 2);
}
