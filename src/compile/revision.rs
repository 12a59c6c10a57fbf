//! The content hash of a policy.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use crate::diag::Sources;

/// SHA-256 over the names and texts of all files, in order of their names, as
/// 64 hexadecimal digits.
pub(super) fn of(sources: &Sources) -> Arc<str> {
    let mut files: Vec<_> = sources.iter().collect();
    files.sort_unstable();
    let mut context = Context::new(&SHA256);
    for (name, text) in files {
        // Lengths first, so that no two lists of files give the same bytes.
        for part in [name, text] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
    }
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}
