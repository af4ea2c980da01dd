//! What a broker in a container knows of the machine around it.
//!
//! Docker and Podman pass a connection from their own machine on from the gateway of the
//! container's network. A client there cannot count on reaching the container's address, while
//! `localhost` with the published port is where it came in by. Kafka: nothing; there every client's
//! place has a listener of its own.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

/// What Docker and Podman leave in a container to say that it is one.
const MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// The gateway of the container's network; `None` outside of a container.
pub(crate) fn gateway() -> Option<IpAddr> {
    if !MARKS.iter().any(|mark| Path::new(mark).exists()) {
        return None;
    }
    default_route(&fs::read_to_string("/proc/net/route").ok()?)
}

/// The gateway of the default route in a table as the kernel shows it.
fn default_route(table: &str) -> Option<IpAddr> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (destination, gateway) = (fields.next()?, fields.next()?);
        let mask = fields.nth(4)?;
        if destination != "00000000" || mask != "00000000" {
            return None;
        }
        // The bytes of the address as they lie in memory, read as one number of this machine.
        let number = u32::from_str_radix(gateway, 16).ok()?;
        let address = Ipv4Addr::from(number.to_ne_bytes());
        (!address.is_unspecified()).then_some(IpAddr::V4(address))
    })
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    const TABLE: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
";

    #[test]
    fn the_gateway_is_that_of_the_default_route() {
        assert_eq!(default_route(TABLE), Some(IpAddr::V4(Ipv4Addr::new(172, 17, 0, 1))));
    }

    #[test]
    fn a_network_without_a_way_out_has_no_gateway() {
        let cut = TABLE.lines().take(2).collect::<Vec<_>>().join("\n");
        assert_eq!(default_route(&cut), None);
        assert_eq!(default_route(""), None);
        assert_eq!(default_route("Iface\neth0\t00000000\tnonsense\n"), None);
    }
}
