//! Names of types, brought to the form in which `oidvectortypes()` prints them under `search_path = pg_catalog`.
//! <https://www.postgresql.org/docs/current/datatype.html>

use super::token::Token;
use super::{Cursor, ObjectError};
use crate::model::{SchemaName, server_identifier};

/// The type names of the grammar, and what `format_type()` prints for them.
const GRAMMAR: [(&str, &str); 29] = [
    ("bigint", "bigint"),
    ("bit", "bit"),
    ("bit varying", "bit varying"),
    ("boolean", "boolean"),
    ("char", "character"),
    ("char varying", "character varying"),
    ("character", "character"),
    ("character varying", "character varying"),
    ("dec", "numeric"),
    ("decimal", "numeric"),
    ("double precision", "double precision"),
    ("float", "double precision"),
    ("int", "integer"),
    ("integer", "integer"),
    ("national char", "character"),
    ("national char varying", "character varying"),
    ("national character", "character"),
    ("national character varying", "character varying"),
    ("nchar", "character"),
    ("nchar varying", "character varying"),
    ("real", "real"),
    ("smallint", "smallint"),
    ("time with time zone", "time with time zone"),
    ("time without time zone", "time without time zone"),
    ("timestamp with time zone", "timestamp with time zone"),
    ("timestamp without time zone", "timestamp without time zone"),
    ("interval year to month", "interval"),
    ("interval day to second", "interval"),
    ("any", "\"any\""),
];

/// Types of `pg_catalog` that print otherwise than they are called.
const RENAMED: [(&str, &str); 16] = [
    ("any", "\"any\""),
    ("bool", "boolean"),
    ("bpchar", "character"),
    ("char", "\"char\""),
    ("float4", "real"),
    ("float8", "double precision"),
    ("int2", "smallint"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("time", "time without time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
    ("timetz", "time with time zone"),
    ("varbit", "bit varying"),
    ("varchar", "character varying"),
    ("bit", "bit"),
];

/// Types of `pg_catalog` that print as they are called.
const BUILT_IN: &[&str] = &[
    "aclitem",
    "anyarray",
    "anycompatible",
    "anycompatiblearray",
    "anycompatiblemultirange",
    "anycompatiblenonarray",
    "anycompatiblerange",
    "anyelement",
    "anyenum",
    "anymultirange",
    "anynonarray",
    "anyrange",
    "box",
    "bytea",
    "cid",
    "cidr",
    "circle",
    "cstring",
    "date",
    "datemultirange",
    "daterange",
    "event_trigger",
    "fdw_handler",
    "gtsvector",
    "index_am_handler",
    "inet",
    "int2vector",
    "interval",
    "numeric",
    "int4multirange",
    "int4range",
    "int8multirange",
    "int8range",
    "internal",
    "json",
    "jsonb",
    "jsonpath",
    "language_handler",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "nummultirange",
    "numrange",
    "oid",
    "oidvector",
    "path",
    "pg_lsn",
    "pg_snapshot",
    "point",
    "polygon",
    "record",
    "refcursor",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "table_am_handler",
    "text",
    "tid",
    "trigger",
    "tsm_handler",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "txid_snapshot",
    "unknown",
    "uuid",
    "void",
    "xid",
    "xid8",
    "xml",
];

/// Reads one argument type.
pub(super) fn argument_type(cursor: &mut Cursor) -> Result<String, ObjectError> {
    let start = cursor.clone();
    let base = match cursor.qualified_name()? {
        (Some(schema), (name, _)) => {
            modifier(cursor)?;
            match schema.as_str() {
                "pg_catalog" => catalog(&name).ok_or(ObjectError::Type(name))?,
                _ => format!(
                    "{}.{}",
                    server_identifier(SchemaName::new(&schema)?.as_str()),
                    server_identifier(&name)
                ),
            }
        }
        (None, (name, true)) => {
            modifier(cursor)?;
            catalog(&name).ok_or(ObjectError::Type(name))?
        }
        (None, (_, false)) => {
            *cursor = start;
            phrase(cursor)?
        }
    };
    Ok(if array(cursor)? {
        format!("{base}[]")
    } else {
        base
    })
}

/// Reads the words of an unqualified type with their modifiers: `timestamp (3) with time zone`.
fn phrase(cursor: &mut Cursor) -> Result<String, ObjectError> {
    let mut words = Vec::new();
    let mut precision = None;
    loop {
        match cursor.peek() {
            Some(token) if token.keyword().is_some_and(|word| word != "array") => {
                words.extend(token.keyword().map(str::to_owned));
                cursor.next();
            }
            Some(Token::Mark('(')) => precision = modifier(cursor)?,
            _ => break,
        }
    }
    let written = words.join(" ");
    if written == "float" && precision.is_some_and(|bits| bits <= 24) {
        return Ok("real".into());
    }
    let phrase = GRAMMAR
        .iter()
        .find(|(words, _)| *words == written)
        .map(|(_, printed)| (*printed).to_owned());
    phrase
        .or_else(|| catalog(&written))
        .ok_or(ObjectError::Type(written))
}

/// How the type that `pg_catalog` calls `name` is printed; `_int4` is the array of `int4`, and of that there is none.
fn catalog(name: &str) -> Option<String> {
    match name.strip_prefix('_') {
        Some(element) => scalar(element).map(|element| format!("{element}[]")),
        None => scalar(name).map(str::to_owned),
    }
}

fn scalar(name: &str) -> Option<&'static str> {
    let renamed = RENAMED
        .iter()
        .find(|(called, _)| *called == name)
        .map(|(_, printed)| *printed);
    renamed.or_else(|| BUILT_IN.iter().find(|called| **called == name).copied())
}

/// Skips `(20)` or `(10, 2)`, which is not part of a routine's identity, and returns the first number.
fn modifier(cursor: &mut Cursor) -> Result<Option<u32>, ObjectError> {
    if !cursor.eat('(') {
        return Ok(None);
    }
    let mut first = None;
    loop {
        match cursor.next() {
            Some(Token::Number(digits)) => first = first.or(digits.parse().ok()),
            _ => return Err(ObjectError::Modifier),
        }
        match cursor.next() {
            Some(Token::Mark(',')) => {}
            Some(Token::Mark(')')) => return Ok(first),
            _ => return Err(ObjectError::Modifier),
        }
    }
}

/// Reads `[]`, `[3][3]` or `ARRAY`: PostgreSQL keeps neither size nor dimensions.
fn array(cursor: &mut Cursor) -> Result<bool, ObjectError> {
    let mut is_array = cursor.peek().and_then(Token::keyword) == Some("array");
    if is_array {
        cursor.next();
    }
    while cursor.eat('[') {
        if matches!(cursor.peek(), Some(Token::Number(_))) {
            cursor.next();
        }
        if !cursor.eat(']') {
            return Err(ObjectError::Missing(']'));
        }
        is_array = true;
    }
    Ok(is_array)
}
