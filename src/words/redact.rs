//! Nothing of a token is ever written, not even to say that it stands in the
//! wrong place.

/// What every JWT begins with: base64url of `{"`.
const BEGINNING: &str = "eyJ";

/// Whether something in these bytes looks like a token.
pub fn is_token_in(bytes: &[u8]) -> bool {
    bytes.windows(BEGINNING.len()).any(|window| window == BEGINNING.as_bytes())
}

/// The text without anything that looks like a token: a word that holds the
/// beginning of one.
pub fn tokens(text: &str) -> String {
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
    match word.find(BEGINNING) {
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
