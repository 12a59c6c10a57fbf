//! Public keys that were looked at before use: of a known kind, of a sane
//! size, on their curve.

use super::crypto;
use crate::config::Family;

/// A public key fit for use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// RSA: modulus and exponent, big-endian without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point on P-256: `04`, x, y.
    P256(Vec<u8>),
    /// A point on P-384: `04`, x, y.
    P384(Vec<u8>),
    /// A point on Ed25519, compressed.
    Ed25519(Vec<u8>),
}

const MIN_RSA_BITS: usize = 2048;
/// More only makes verification slow.
const MAX_RSA_BITS: usize = 8192;
const MIN_RSA_EXPONENT: u64 = 65537;
const MAX_RSA_EXPONENT: u64 = 1 << 32;

impl PublicKey {
    /// An RSA key of 2048 to 8192 bits with a usual exponent.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, &'static str> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let bits = (n.len() * 8).saturating_sub(n.first().map_or(0, |b| b.leading_zeros() as usize));
        if bits < MIN_RSA_BITS {
            return Err("the RSA modulus has fewer than 2048 bits");
        }
        if bits > MAX_RSA_BITS {
            return Err("the RSA modulus has more than 8192 bits");
        }
        let odd = |number: &[u8]| number.last().is_some_and(|b| b % 2 == 1);
        if !odd(n) {
            return Err("the RSA modulus is even");
        }
        let exponent = e.iter().fold(0u64, |sum, b| sum.saturating_mul(256).saturating_add(u64::from(*b)));
        if !odd(e) || !(MIN_RSA_EXPONENT..=MAX_RSA_EXPONENT).contains(&exponent) {
            return Err("the RSA exponent is not an odd number from 65537 to 2^32");
        }
        if !crypto::is_rsa_key(n, e) {
            return Err("the RSA key is not usable");
        }
        Ok(Self::Rsa { n: n.to_vec(), e: e.to_vec() })
    }

    /// A point on P-256 or P-384, uncompressed.
    pub(super) fn point(family: Family, point: &[u8]) -> Result<Self, &'static str> {
        let length = match family {
            Family::P256 => 65,
            Family::P384 => 97,
            Family::Hmac | Family::Rsa | Family::Ed25519 => return Err("the curve is not P-256 or P-384"),
        };
        if point.len() != length || point.first() != Some(&4) {
            return Err("the point does not have the length of its curve");
        }
        if !crypto::is_on_curve(family, point) {
            return Err("the point does not lie on its curve");
        }
        Ok(if family == Family::P256 { Self::P256(point.to_vec()) } else { Self::P384(point.to_vec()) })
    }

    /// An Ed25519 key.
    pub(super) fn ed25519(point: &[u8]) -> Result<Self, &'static str> {
        let Ok(bytes) = <[u8; 32]>::try_from(point) else {
            return Err("an Ed25519 key has 32 bytes");
        };
        if is_of_small_order(bytes) {
            return Err("the point is of small order: anybody can sign for it");
        }
        Ok(Self::Ed25519(point.to_vec()))
    }

    /// What kind of key this is.
    pub(super) fn family(&self) -> Family {
        match self {
            Self::Rsa { .. } => Family::Rsa,
            Self::P256(_) => Family::P256,
            Self::P384(_) => Family::P384,
            Self::Ed25519(_) => Family::Ed25519,
        }
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|b| **b == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The y coordinates of the eight points whose order divides 8, with those
/// that can also be written not reduced; little-endian, sign bit cleared.
const SMALL_ORDER: [[u8; 32]; 7] = [
    spread(0x00, 0x00, 0x00),
    spread(0x01, 0x00, 0x00),
    spread(0xec, 0xff, 0x7f),
    spread(0xed, 0xff, 0x7f),
    spread(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// 32 bytes: the first, thirty times the middle, the last.
const fn spread(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let m = middle;
    [first, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, last]
}

fn is_of_small_order(mut point: [u8; 32]) -> bool {
    let [.., last] = &mut point;
    *last &= 0x7f;
    SMALL_ORDER.contains(&point)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn jws_14_weak_rsa_keys_are_refused() {
        let modulus = |bytes: usize, first: u8, last: u8| {
            let mut n = vec![0xa5; bytes];
            *n.first_mut().unwrap() = first;
            *n.last_mut().unwrap() = last;
            n
        };
        let good = modulus(256, 0x80, 1);
        let e = [1, 0, 1];
        assert!(PublicKey::rsa(&good, &e).is_ok());
        assert!(PublicKey::rsa(&[&[0, 0], good.as_slice()].concat(), &[0, 1, 0, 1]).is_ok());
        assert!(PublicKey::rsa(&modulus(1024, 0x80, 1), &e).is_ok());
        for (n, e) in [
            (modulus(128, 0x80, 1), e.to_vec()),
            (modulus(256, 0x7f, 1), e.to_vec()),
            (modulus(1025, 0x01, 1), e.to_vec()),
            (modulus(256, 0x80, 2), e.to_vec()),
            (Vec::new(), e.to_vec()),
            (good.clone(), Vec::new()),
            (good.clone(), vec![1]),
            (good.clone(), vec![3]),
            (good.clone(), vec![1, 0, 0]),
            (good.clone(), vec![1, 0, 0, 0, 1]),
            (good.clone(), vec![1; 300]),
        ] {
            assert!(PublicKey::rsa(&n, &e).is_err(), "{} bits, e {e:?}", n.len() * 8);
        }
    }

    #[test]
    fn jws_14_points_that_are_none_are_refused() {
        for (family, length) in [(Family::P256, 65), (Family::P384, 97)] {
            let mut off = vec![7; length];
            off[0] = 4;
            assert_eq!(PublicKey::point(family, &off).unwrap_err(), "the point does not lie on its curve");
            let mut zero = vec![0; length];
            zero[0] = 4;
            assert!(PublicKey::point(family, &zero).is_err());
            assert!(PublicKey::point(family, &[0]).is_err());
            assert!(PublicKey::point(family, &off[1..]).is_err());
        }
        assert!(PublicKey::point(Family::Rsa, &[4; 65]).is_err());
    }

    #[test]
    fn jws_10_ed25519_keys_of_small_order_are_refused() {
        for point in SMALL_ORDER {
            let mut signed = point;
            signed[31] |= 0x80;
            assert!(PublicKey::ed25519(&point).is_err());
            assert!(PublicKey::ed25519(&signed).is_err());
        }
        assert!(PublicKey::ed25519(&[0x42; 31]).is_err());
    }
}
