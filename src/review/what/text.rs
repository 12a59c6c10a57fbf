//! What a caller may call, for people.

use std::fmt::{self, Write};

use crate::review::shown;

use super::{By, Entry, May, Missing, OfService};

/// The widest route that a place is aligned behind.
const ALIGNED: usize = 56;

/// A page for a person: the routes that the caller may call, or those that they may not.
pub fn text(found: &[OfService<'_>], caller: &str, denied: bool) -> String {
    let count = |wanted: fn(&&Entry<'_>) -> bool| {
        found.iter().flat_map(|service| &service.routes).filter(wanted).count()
    };
    let (all, may) = (count(|_| true), count(|entry| entry.access != May::No));
    let conditional = count(|entry| entry.access == May::If);
    let mut page = format!("{caller} may call {may} of {all} routes");
    if conditional > 0 {
        let _ = write!(page, ", {conditional} of them under conditions");
    }
    page.push('\n');
    for service in found {
        let shown = || service.routes.iter().filter(|entry| (entry.access == May::No) == denied);
        if shown().next().is_none() {
            continue;
        }
        let _ = writeln!(page, "\n{}", service.name);
        let width =
            shown().map(label).map(|label| label.chars().count()).filter(|width| *width <= ALIGNED).max();
        for entry in shown() {
            let _ = writeln!(page, "  {:<width$}  {}", label(entry), entry.place, width = width.unwrap_or(0));
            lines(&mut page, "if", "and", entry.conditions.iter().map(String::as_str));
            lines(&mut page, "unless", "", entry.unless.iter().map(String::as_str));
            let by: Vec<String> = entry.by.iter().map(By::to_string).collect();
            lines(&mut page, "by", "", by.iter().map(String::as_str));
            let missing: Vec<String> = entry.missing.iter().map(Missing::to_string).collect();
            lines(&mut page, "missing", "", missing.iter().map(String::as_str));
        }
    }
    page
}

fn label(entry: &Entry<'_>) -> String {
    format!("{} {}", entry.methods, entry.path)
}

fn lines<'t>(page: &mut String, first: &str, further: &str, texts: impl Iterator<Item = &'t str>) {
    for (at, text) in texts.enumerate() {
        let label = if at == 0 { first } else { further };
        let _ = writeln!(page, "      {label:<7}  {}", shown(text));
    }
}

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { required, role, binding } = self;
        match role {
            None => write!(f, "{required}, granted by the token")?,
            Some(role) if role == required => write!(f, "{required}")?,
            Some(role) => write!(f, "{required} of {role}")?,
        }
        match binding {
            None => Ok(()),
            Some(place) => write!(f, ", by a binding ({place})"),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lack(lack) => write!(f, "{lack}"),
            Self::Other { what, place: None } => write!(f, "{what}"),
            Self::Other { what, place: Some(place) } => write!(f, "{what} ({place})"),
        }
    }
}
