//! TCP sockets, with a congestion control that suits connections within this machine.
//!
//! Congestion control adapts a sender's rate to the network between two machines. Within one there
//! is no network, and an algorithm that spaces its packets in time costs both ends processor time:
//! with bbr, which some systems have as their default, a replay takes 4 to 10 % longer. Connections
//! to other machines must keep what the system's administrator has chosen.

use std::io;
use std::net::SocketAddr;
use tokio::net::TcpSocket;

/// Creates a socket that will be bound or connected to this address.
///
/// # Errors
/// The system's, for example if there are too many open files.
pub fn tcp_socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    // Accepted connections inherit it. After a connection is made, bbr can be replaced, but not the
    // pauses between packets.
    if address.ip().to_canonical().is_loopback() {
        send_without_pacing(&socket);
    }
    Ok(socket)
}

/// Every Linux has reno, and lets any program choose it. This is an optimization only, so a system
/// without it is no error.
#[cfg(target_os = "linux")]
fn send_without_pacing(socket: &TcpSocket) {
    let _ = rustix::net::sockopt::set_tcp_congestion(socket, "reno");
}

#[cfg(not(target_os = "linux"))]
const fn send_without_pacing(_: &TcpSocket) {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use rustix::net::sockopt::tcp_congestion;

    #[tokio::test]
    async fn connections_within_the_machine_are_not_paced() {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = tcp_socket(address).unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let client = tcp_socket(address).unwrap().connect(address).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        assert_eq!(tcp_congestion(&client).unwrap(), "reno");
        assert_eq!(tcp_congestion(&accepted).unwrap(), "reno");
    }

    #[test]
    fn other_addresses_have_the_congestion_control_of_the_system() {
        let default = tcp_congestion(TcpSocket::new_v4().unwrap()).unwrap();
        for address in ["0.0.0.0:0", "192.0.2.1:80"] {
            let socket = tcp_socket(address.parse().unwrap()).unwrap();
            assert_eq!(tcp_congestion(&socket).unwrap(), default, "{address}");
        }
    }
}
