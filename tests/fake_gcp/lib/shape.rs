//! Proto3 JSON as Google's front end reads it: camelCase or snake_case names, 64-bit integers as strings or
//! numbers, bytes in either base64 alphabet; anything unknown is an error.
//! <https://protobuf.dev/programming-guides/json/>

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::enums::Enum;
use super::error::ApiError;

/// The form a JSON value has to have.
pub enum Shape {
    Bytes,
    Duration,
    /// By name or number; the name is kept.
    Enum(&'static Enum),
    Int64,
    Str,
    Timestamp,
    /// Of a form that is not looked at.
    Any,
    List(&'static Shape),
    /// A map with string keys, which are data and never renamed.
    MapOf(&'static Shape),
    Message(&'static [(&'static str, Shape)]),
}

/// `value` with lowerCamelCase names, integers as numbers, bytes in the standard alphabet and no nulls.
///
/// # Errors
/// 400 in Google's words, for a name the message does not have and for a value of another type.
pub fn normalise(value: Value, shape: &Shape, at: &str) -> Result<Value, ApiError> {
    match (shape, value) {
        (Shape::Any, value) => Ok(without_nulls(value)),
        (Shape::Enum(of), value) => of
            .read(&value)
            .ok_or_else(|| mismatch(&snake_case(at), &shape.proto_name(), &value)),
        (Shape::Message(fields), Value::Object(given)) => message(given, fields, at),
        (Shape::MapOf(of), Value::Object(given)) => map(given, of, at),
        (Shape::List(of), Value::Array(given)) => list(given, of, at),
        (Shape::Str, value @ Value::String(_)) => Ok(value),
        (Shape::Int64, value) => int64(&value).ok_or_else(|| mismatch(at, "TYPE_INT64", &value)),
        (Shape::Bytes, Value::String(text)) => match decode_base64(&text) {
            Some(bytes) => Ok(Value::String(encode_base64(&bytes))),
            None => Err(mismatch_without_value(
                at,
                "TYPE_BYTES",
                "Base64 decoding failed",
            )),
        },
        (Shape::Duration, Value::String(text)) => match duration(&text) {
            Some(_) => Ok(Value::String(text)),
            None => Err(mismatch_without_value(
                at,
                "type.googleapis.com/google.protobuf.Duration",
                "Illegal duration format; duration must end with 's'",
            )),
        },
        (Shape::Timestamp, Value::String(text)) => match text.parse::<Timestamp>() {
            Ok(_) => Ok(Value::String(text)),
            Err(_) => Err(mismatch_without_value(
                at,
                "type.googleapis.com/google.protobuf.Timestamp",
                "Illegal timestamp format",
            )),
        },
        (shape, value) => Err(mismatch(at, &shape.proto_name(), &value)),
    }
}

impl Shape {
    fn proto_name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Shape::Bytes => "TYPE_BYTES",
            Shape::Enum(of) => return format!("type.googleapis.com/{}", of.name).into(),
            Shape::Int64 => "TYPE_INT64",
            Shape::Str | Shape::Any => "TYPE_STRING",
            Shape::Duration => "type.googleapis.com/google.protobuf.Duration",
            Shape::Timestamp => "type.googleapis.com/google.protobuf.Timestamp",
            Shape::List(_) | Shape::MapOf(_) | Shape::Message(_) => "TYPE_MESSAGE",
        })
    }
}

fn message(
    given: Map<String, Value>,
    fields: &[(&'static str, Shape)],
    at: &str,
) -> Result<Value, ApiError> {
    let mut kept = Map::new();
    for (key, value) in given {
        let name = camel_case(&key);
        let Some((name, shape)) = fields.iter().find(|(field, _)| *field == name) else {
            return Err(unknown_name(&key, at));
        };
        if value.is_null() {
            continue;
        }
        let value = normalise(value, shape, &join(at, name))?;
        if !value.is_null() {
            kept.insert((*name).to_owned(), value);
        }
    }
    Ok(Value::Object(kept))
}

/// `null` is what is not said, at any depth.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(given) => {
            let said = given.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                said.map(|(key, value)| (key, without_nulls(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        value => value,
    }
}

fn map(given: Map<String, Value>, of: &Shape, at: &str) -> Result<Value, ApiError> {
    let mut kept = Map::new();
    for (index, (key, value)) in given.into_iter().enumerate() {
        let value = normalise(value, of, &format!("{at}[{index}].value"))?;
        kept.insert(key, value);
    }
    Ok(Value::Object(kept))
}

fn list(given: Vec<Value>, of: &Shape, at: &str) -> Result<Value, ApiError> {
    let items = given.into_iter().enumerate();
    items
        .map(|(index, value)| normalise(value, of, &format!("{at}[{index}]")))
        .collect::<Result<Vec<_>, _>>()
        .map(Value::Array)
}

fn int64(value: &Value) -> Option<Value> {
    match value {
        Value::Number(number) => number.as_i64().map(Value::from),
        Value::String(text) => text.parse::<i64>().ok().map(Value::from),
        _ => None,
    }
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() {
        name.to_owned()
    } else {
        format!("{at}.{name}")
    }
}

fn unknown_name(name: &str, at: &str) -> ApiError {
    let place = if at.is_empty() {
        String::new()
    } else {
        format!(" at '{at}'")
    };
    ApiError::malformed(
        at,
        format!(
            "Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field."
        ),
    )
}

fn mismatch(at: &str, wanted: &str, value: &Value) -> ApiError {
    ApiError::malformed(at, format!("Invalid value at '{at}' ({wanted}), {value}"))
}

/// Google repeats the offending value here too; a fake that sees real passwords does not.
fn mismatch_without_value(at: &str, wanted: &str, why: &str) -> ApiError {
    ApiError::malformed(at, format!("Invalid value at '{at}' ({wanted}), {why}"))
}

/// `version_aliases` and `versionAliases` are the same field; so are the parts of a dotted path.
pub fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                camel.extend(c.to_uppercase());
                upper = false;
            }
            c => camel.push(c),
        }
    }
    camel
}

/// How Google names a field in what it says of it.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// Either alphabet, padded or not, as proto3 JSON asks of parsers.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}

pub fn encode_base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A `google.protobuf.Duration`: seconds with up to nine decimals and an `s`.
pub fn duration(text: &str) -> Option<SignedDuration> {
    let number = text.strip_suffix('s')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 9 || !fraction.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    Some(SignedDuration::new(seconds, sign * nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SHAPE: Shape = Shape::Message(&[
        ("versionAliases", Shape::MapOf(&Shape::Int64)),
        ("payload", Shape::Message(&[("data", Shape::Bytes)])),
        ("ttl", Shape::Duration),
    ]);

    fn refused(value: Value) -> String {
        normalise(value, &SHAPE, "secret").unwrap_err().message
    }

    #[test]
    fn both_spellings_are_one_field_and_map_keys_are_data() {
        let read = normalise(
            json!({"version_aliases": {"my_alias": "7", "other": 8}, "ttl": null}),
            &SHAPE,
            "secret",
        );
        assert_eq!(
            read.unwrap(),
            json!({"versionAliases": {"my_alias": 7, "other": 8}})
        );
    }

    #[test]
    fn bytes_come_in_either_alphabet() {
        for data in ["-_8=", "+/8=", "-_8", "+/8"] {
            let read = normalise(json!({"payload": {"data": data}}), &SHAPE, "").unwrap();
            assert_eq!(read["payload"]["data"], "+/8=", "{data}");
        }
        assert!(refused(json!({"payload": {"data": "-/8="}})).contains("TYPE_BYTES"));
    }

    #[test]
    fn unknown_names_are_refused_where_they_stand() {
        assert_eq!(
            refused(json!({"payload": {"dataa": "x"}})),
            "Invalid JSON payload received. Unknown name \"dataa\" at 'secret.payload': Cannot find field."
        );
        let error = normalise(json!({"x": 1}), &SHAPE, "").unwrap_err();
        assert_eq!(
            error.message,
            "Invalid JSON payload received. Unknown name \"x\": Cannot find field."
        );
    }

    #[test]
    fn wrong_types_are_refused() {
        assert_eq!(
            refused(json!({"versionAliases": {"a": "x"}})),
            "Invalid value at 'secret.versionAliases[0].value' (TYPE_INT64), \"x\""
        );
        assert!(refused(json!({"ttl": "5 minutes"})).contains("must end with 's'"));
        assert!(refused(json!({"payload": []})).contains("TYPE_MESSAGE"));
    }

    #[test]
    fn durations_are_seconds() {
        assert_eq!(duration("86400s"), Some(SignedDuration::from_hours(24)));
        assert_eq!(duration("1.5s"), Some(SignedDuration::from_millis(1500)));
        assert_eq!(duration("-1.5s"), Some(SignedDuration::from_millis(-1500)));
        assert_eq!(duration("1"), None);
        assert_eq!(duration("1h"), None);
    }
}
