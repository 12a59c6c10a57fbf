//! Address ranges. The only file that names the CIDR crate.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// A contiguous range of addresses of one family, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    /// First address.
    pub first: IpAddr,
    /// Last address.
    pub last: IpAddr,
}

impl AddressRange {
    /// Reads `203.0.113.0/24`, `2001:db8::/32` or a single address. The error
    /// says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            let address = address.to_canonical();
            return Ok(Self { first: address, last: address });
        }
        let net: IpNet = text.parse().map_err(|_| {
            "write an address, or a range such as `203.0.113.0/24` or `2001:db8::/32`".to_owned()
        })?;
        if net.addr() != net.network() {
            return Err(format!("bits behind the prefix are set: write `{}`", net.trunc()));
        }
        if net.network().to_canonical() != net.network() {
            return Err("write IPv4 ranges in IPv4 form".to_owned());
        }
        Ok(Self { first: net.network(), last: net.broadcast() })
    }
}

impl fmt::Display for AddressRange {
    /// As [`AddressRange::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        let common = match (first, last) {
            _ if first == last => return first.fmt(f),
            (IpAddr::V4(first), IpAddr::V4(last)) => (first.to_bits() ^ last.to_bits()).leading_zeros(),
            (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits() ^ last.to_bits()).leading_zeros(),
            // INVARIANT: both ends are of one family.
            _ => 0,
        };
        write!(f, "{first}/{common}")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn ranges() {
        let range = AddressRange::parse("203.0.113.0/24").unwrap();
        assert_eq!(range.last, "203.0.113.255".parse::<IpAddr>().unwrap());
        let single = AddressRange::parse("::ffff:10.0.0.1").unwrap();
        assert_eq!(single.first, "10.0.0.1".parse::<IpAddr>().unwrap());
        for text in ["203.0.113.0/24", "10.0.0.1", "0.0.0.0/0", "2001:db8::/33", "::/0", "::1"] {
            assert_eq!(AddressRange::parse(text).unwrap().to_string(), text);
        }
        for bad in ["203.0.113.1/24", "203.0.113.0/33", "x", "::ffff:10.0.0.0/104", "10.0.0.0/8 "] {
            assert!(AddressRange::parse(bad).is_err(), "{bad}");
        }
    }
}
