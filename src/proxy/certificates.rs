//! Certificates that nobody verifies.

use super::look::Look;
use super::message::Message;
use crate::diag::Code;
use crate::yaml::{Kind, Node};

/// Looks for validation that lets in whatever does not verify. It may stand in
/// many places, so all are searched.
pub(super) fn inspect<'a>(part: Message<'a>, look: &Look<'a>) {
    part.entries().iter().for_each(|entry| search(&entry.value, look));
    let field = part.get("trust_chain_verification");
    if let Some(entry) = field
        && part.choice("trust_chain_verification", &["VERIFY_TRUST_CHAIN", "ACCEPT_UNTRUSTED"], look)
            == Some(1)
    {
        look.tell(
            Code::ForgedCertificate,
            entry.value.span,
            "certificates that do not verify are accepted",
            "any certificate is good",
            "remove the line: Doorward is told the name in a certificate as if it were verified",
        );
    }
}

fn search<'a>(node: &'a Node, look: &Look<'a>) {
    match &node.kind {
        Kind::Map(_) => {
            if let Some(message) = Message::read(node, node.span, look) {
                inspect(message, look);
            }
        }
        Kind::List(items) => items.iter().for_each(|item| search(item, look)),
        Kind::Scalar { .. } | Kind::Refused => {}
    }
}
