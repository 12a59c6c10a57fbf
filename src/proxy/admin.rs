//! The admin page and the version of Envoy.

use super::look::Look;
use super::message::Message;
use crate::diag::Code;

/// The first version with the fixes of August 2026, by minor version.
const FIXED: (f64, f64) = (38.0, 4.0);

/// Looks at what a bootstrap says of Envoy itself.
pub(super) fn inspect<'a>(bootstrap: Message<'a>, look: &Look<'a>) {
    if let Some(admin) = bootstrap.message("admin", look)
        && let Some(address) = admin.message("address", look)
    {
        page(address, look);
    }
    // Told by config dumps alone.
    let version = bootstrap
        .message("node", look)
        .and_then(|node| node.message("user_agent_build_version", look))
        .and_then(|build| build.message("version", look));
    if let Some(version) = version {
        let part = |field| version.number(field, look).unwrap_or(0.0);
        let (major, minor, patch) = (part("major_number"), part("minor_number"), part("patch"));
        if major < 1.0 || (major <= 1.0 && (minor, patch) < FIXED) {
            look.tell(
                Code::OldEnvoy,
                version.at,
                format!("this is Envoy {major}.{minor}.{patch}"),
                "an old version",
                "take 1.38.4 or later, or see that the security fixes of August 2026 are in yours",
            );
        }
    }
}

fn page<'a>(address: Message<'a>, look: &Look<'a>) {
    if address.has("pipe") || address.has("envoy_internal_address") {
        return;
    }
    let Some(socket) = address.message("socket_address", look) else {
        look.unreadable(
            address.at,
            "an address of a kind that is not known here",
            "use `socket_address` or `pipe`",
        );
        return;
    };
    let host = socket.text("address", look).unwrap_or_default();
    let loopback = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    if !loopback {
        look.tell(
            Code::AdminOpen,
            socket.value_place("address"),
            format!("the admin page listens on `{host}`"),
            "not only on this machine",
            "write `127.0.0.1`, or a `pipe`: whoever reaches the page can read every secret and switch Envoy off",
        );
    }
}
