//! Sockets with the congestion control that daytrade's sockets within one machine have, so that
//! the limit is not held back by another one.

use rustix::net::{AddressFamily, SocketType, bind, connect, listen, socket};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

/// Most connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// Listens on some port of this machine.
pub(super) fn listen_here() -> TcpListener {
    let socket = unpaced();
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    listen(&socket, BACKLOG).unwrap();
    socket.into()
}

/// Connects to an address of this machine.
pub(super) fn connect_to(address: &str) -> TcpStream {
    let socket = unpaced();
    connect(&socket, &address.parse::<SocketAddrV4>().unwrap()).unwrap();
    socket.into()
}

fn unpaced() -> OwnedFd {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    #[cfg(target_os = "linux")]
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_congestion(&socket, "reno").unwrap();
    socket
}
