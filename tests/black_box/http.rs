//! Requests over HTTP, as far as the tests need them.

use crate::harness::{TIMEOUT, eventually};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// Returns an address that is free.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Sends a request; returns the status and the body. None if nobody listens yet.
pub fn http(address: &str, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some((status, body.to_owned()))
}

/// Gets a page.
pub fn get(address: &str, path: &str) -> Option<(u16, String)> {
    http(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

/// Waits until a server says that it is ready, which is a moment after it listens.
pub fn wait_until_ready(address: &str) {
    eventually("ready server", || get(address, "/readyz").is_some_and(|said| said.0 == 200));
}
