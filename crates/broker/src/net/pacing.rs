//! Sends to clients on this machine as fast as they read, whatever the system's congestion control
//! is.
//!
//! There is no link that could be congested. The pacing of BBR, which many machines have as their
//! default, costs more CPU there than the records do: a timer, and a wake-up of the client, for
//! each 64 KiB (measured: 0.24 s a GB sent from the page cache, 0.09 without). A socket that was
//! born with BBR is paced for ever, so those that listen have Reno, which does not, and pass it on;
//! connections from elsewhere are given back what the system says.
//! Kafka: nothing.

use std::{
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
};

use rustix::net::sockopt;

/// What every Linux has, and does not pace.
const UNPACED: &str = "reno";

/// What a listener's socket had before: for connections that leave the machine. None where it was
/// not changed.
#[derive(Debug)]
pub(super) struct Pacing {
    system: Option<String>,
}

impl Pacing {
    /// Switches it off for what connects to a socket that does not listen yet, if the system's is
    /// BBR and may be given back.
    pub(super) fn switch_off(listening: &OwnedFd) -> Self {
        let set = |control: &str| sockopt::set_tcp_congestion(listening, control).is_ok();
        let system = sockopt::tcp_congestion(listening).ok();
        let system = system.filter(|system| system.starts_with("bbr"));
        Self { system: system.filter(|system| set(system) && set(UNPACED)) }
    }

    /// Gives a new connection what the system says, unless both of its ends are here, or its route
    /// says something else.
    pub(super) fn restore(&self, stream: &impl AsFd, remote: SocketAddr, local: SocketAddr) {
        let Some(system) = &self.system else { return };
        if is_here(remote, local) || sockopt::tcp_congestion(stream).is_ok_and(|it| it != UNPACED) {
            return;
        }
        if let Err(error) = sockopt::set_tcp_congestion(stream, system) {
            tracing::debug!(client = %remote, %error, "congestion control is {UNPACED}, not {system}");
        }
    }
}

/// Whether a client is on this machine, and not in a container of it: what goes to an address of
/// one's own goes through no link.
fn is_here(remote: SocketAddr, local: SocketAddr) -> bool {
    remote.ip() == local.ip() || remote.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::net::listener::bind_one;

    #[test]
    fn a_client_here_is_not_paced_and_one_elsewhere_is_as_the_system_says() {
        let any = TcpListener::bind("127.0.0.1:0").unwrap();
        let system = sockopt::tcp_congestion(&any).unwrap();
        let unpaced = if system == "bbr" { UNPACED } else { system.as_str() };
        let (listening, pacing) = bind_one("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listening.local_addr().unwrap();
        let connect = || {
            let client = TcpStream::connect(address).unwrap();
            (client, listening.accept().unwrap())
        };

        let (_client, (here, remote)) = connect();
        pacing.restore(&here, remote, address);
        assert_eq!(sockopt::tcp_congestion(&here).unwrap(), unpaced);

        let (_client, (elsewhere, _)) = connect();
        assert_eq!(sockopt::tcp_congestion(&elsewhere).unwrap(), unpaced);
        pacing.restore(&elsewhere, "192.0.2.1:5000".parse().unwrap(), address);
        assert_eq!(sockopt::tcp_congestion(&elsewhere).unwrap(), system);
    }

    #[test]
    fn only_what_stays_on_the_machine_is_here() {
        let here =
            |remote: &str, local: &str| is_here(remote.parse().unwrap(), local.parse().unwrap());
        assert!(here("127.0.0.1:5000", "127.0.0.1:9092"));
        assert!(here("[::ffff:127.0.0.1]:5000", "[::ffff:127.0.0.1]:9092"));
        assert!(here("[::1]:5000", "[::1]:9092"));
        assert!(here("192.0.2.7:5000", "192.0.2.7:9092"));
        assert!(!here("192.0.2.1:5000", "192.0.2.7:9092"));
    }
}
