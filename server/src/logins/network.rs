//! Networks of addresses.

use ipnet::IpNet;

/// A range of addresses that is trusted as a whole.
pub(crate) type Network = IpNet;
