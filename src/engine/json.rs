//! JSON that has one reading: a member that stands twice is refused at every
//! depth, where most readers take the first or the last in silence.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// One JSON object and nothing else. Byte order marks, trailing text, comments,
/// invalid UTF-8, lone surrogates and deep nesting are refused by the parser
/// itself.
pub fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    match value(bytes) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// One JSON value and nothing else, by the same rules.
pub fn value(bytes: &[u8]) -> Option<Value> {
    // The parser's words may repeat its input: they stay here.
    serde_json::from_slice(bytes).ok().map(|Strict(value)| value)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_it_reads_is_what_everybody_reads() {
        let text = r#"{"a":null,"b":[true,-1,18446744073709551615,1.5,"x\u0041"],"c":{"d":{}}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(Value::Object(object(text.as_bytes()).unwrap()), expected);
    }

    #[test]
    fn jws_12_anything_but_one_plain_object_is_refused() {
        let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
        let deep_list = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        for text in [
            "",
            "[]",
            "\"a\"",
            "null",
            "\u{feff}{}",
            "{} x",
            "{}{}",
            "{} // comment",
            "{/**/}",
            "{\"a\":NaN}",
            "{\"a\":1e999}",
            "{\"a\":01}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":1,\"a\":1}",
            "{\"a\":1,\"\\u0061\":2}",
            "{\"x\":{\"a\":1,\"a\":2}}",
            "{\"x\":[{\"a\":1,\"a\":2}]}",
            &deep,
            &deep_list,
        ] {
            assert_eq!(object(text.as_bytes()), None, "{}", text.chars().take(40).collect::<String>());
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), None);
        assert_eq!(object(b"{\"a\":\"\xed\xa0\x80\"}"), None);
    }
}
