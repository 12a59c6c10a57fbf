//! The request that the arguments describe.

use crate::cli::Failure;
use crate::trial::Asked;
use crate::words::is_header_name;

/// Reads the arguments.
pub(super) fn read(
    method: &str,
    url: &str,
    host: Option<&str>,
    headers: &[String],
    body: Option<String>,
) -> Result<Asked, Failure> {
    let headers = headers.iter().map(|text| header(text)).collect::<Result<Vec<_>, _>>()?;
    Asked::new(method, url, host, headers, body).map_err(Failure::new)
}

/// `name: value`. The value is never repeated: it may be a credential.
fn header(text: &str) -> Result<(String, String), Failure> {
    let Some((name, value)) = text.split_once(':').filter(|(name, _)| !name.is_empty()) else {
        return Err(Failure::new(
            "a header is written 'name: value'; `:authority` is `--host`, `:path` is the URL",
        ));
    };
    if !is_header_name(name) {
        return Err(Failure::new(format!("`{}` is not the name of a header", name.escape_debug())));
    }
    let name = name.to_ascii_lowercase();
    if name == "host" {
        return Err(Failure::new("the header `host` is given with `--host`"));
    }
    Ok((name, value.trim_matches([' ', '\t']).to_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn headers_have_names_in_lower_case_and_their_values_alone() {
        assert_eq!(header("X-A:  b: c\t").unwrap(), ("x-a".to_owned(), "b: c".to_owned()));
        assert_eq!(header("x-a:").unwrap(), ("x-a".to_owned(), String::new()));
        for text in ["x-a", ":path: /", "x a: b", "host: h", "Host: h", ": b", "é: b"] {
            assert!(header(text).is_err(), "{text}");
        }
    }
}
