//! Nothing of a token is ever written, not even to say that it stands in the
//! wrong place.

/// The text without anything that looks like a token: a word that holds the
/// beginning of every JWT, base64url of `{"`.
pub(super) fn tokens(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '=' | '+' | '/' | '~') {
            word.push(c);
        } else {
            flush(&mut word, &mut out);
            out.push(c);
        }
    }
    flush(&mut word, &mut out);
    out
}

fn flush(word: &mut String, out: &mut String) {
    match word.find("eyJ") {
        Some(at) => {
            out.push_str(word.get(..at).unwrap_or_default());
            out.push_str("[token]");
        }
        None => out.push_str(word),
    }
    word.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_2_tokens_are_cut_out_and_words_stay() {
        let text = "error: unexpected argument '--tokn=eyJhbGciOi.eyJpc3Mi.c2ln' found, try 'eyJ'";
        assert_eq!(tokens(text), "error: unexpected argument '--tokn=[token]' found, try '[token]'");
        let plain = "error: invalid value 'x' for '--at <TIME>'\n\n  tip: try --help.\n";
        assert_eq!(tokens(plain), plain);
    }
}
