//! PEM files: the public key that stands in one, or a private key of ours.

use super::public_key::PublicKey;
use super::{base64url, der};
use crate::config::Family;

const PRIVATE: &str = "PRIVATE KEY";

/// Object identifiers, encoded.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The one public key of a file: a key or a certificate.
pub(super) fn public_key(text: &str) -> Result<PublicKey, &'static str> {
    let (label, der) = block(text)?;
    let info = match label {
        "PUBLIC KEY" => der::key_info(&der),
        "CERTIFICATE" => der::certificate_key_info(&der),
        "RSA PUBLIC KEY" => {
            let (n, e) = der::rsa_public_key(&der).ok_or("the contents are not an RSA public key")?;
            return PublicKey::rsa(n, e);
        }
        _ if label.ends_with(PRIVATE) => return Err("it holds a private key"),
        _ => return Err("it holds neither a public key nor a certificate"),
    };
    let info = info.ok_or("the contents are not a public key or certificate")?;
    match (info.kind, info.parameter) {
        (RSA, _) => {
            let (n, e) = der::rsa_public_key(info.key).ok_or("the contents are not an RSA public key")?;
            PublicKey::rsa(n, e)
        }
        (EC, Some(P256)) => PublicKey::point(Family::P256, info.key),
        (EC, Some(P384)) => PublicKey::point(Family::P384, info.key),
        (ED25519, None) => PublicKey::ed25519(info.key),
        _ => Err("the key is not RSA, P-256, P-384 or Ed25519"),
    }
}

/// The PKCS#8 document of a private key file.
pub(super) fn private_key(text: &str) -> Result<Vec<u8>, &'static str> {
    match block(text)? {
        (PRIVATE, der) => Ok(der),
        (label, _) if label.ends_with(PRIVATE) => Err("the private key is not in PKCS#8 form"),
        _ => Err("it holds no private key"),
    }
}

/// A private key file.
pub(super) fn encode_private(pkcs8: &[u8]) -> String {
    let body = base64url::encode_standard(pkcs8);
    let mut out = format!("-----BEGIN {PRIVATE}-----\n");
    let mut rest = body.as_str();
    while let Some((line, after)) = rest.split_at_checked(64) {
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    if !rest.is_empty() {
        out.push_str(rest);
        out.push('\n');
    }
    out.push_str(&format!("-----END {PRIVATE}-----\n"));
    out
}

/// Label and contents of the one block of a file. Text around it is a comment.
fn block(text: &str) -> Result<(&str, Vec<u8>), &'static str> {
    let mut lines = text.lines().map(str::trim_end);
    let begin = |line: &'_ str| line.starts_with("-----BEGIN ");
    let label = lines
        .find(|line| begin(line))
        .and_then(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .ok_or("it is not a PEM file")?;
    let mut body = String::new();
    loop {
        let line = lines.next().ok_or("the PEM block has no end")?;
        if let Some(end) = line.strip_prefix("-----END ") {
            if end.strip_suffix("-----") != Some(label) {
                return Err("the PEM block ends with another label");
            }
            break;
        }
        body.push_str(line);
    }
    if lines.any(begin) {
        return Err("it holds more than one PEM block");
    }
    let contents = base64url::decode_standard(&body).ok_or("the PEM block is not base64")?;
    Ok((label, contents))
}
