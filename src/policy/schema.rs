//! The JSON Schema of the format, for editors and for `rolewright schema`.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::choice::{AccessList, Replication, Version};
use super::file::{File, List};
use super::read::{Brief, Located, Named};
use super::scalar::AnyScalar;
use crate::model::Preset;

/// The JSON Schema (2020-12) of a policy file. It is as strict as a schema can be: names, references and everything
/// across files is for `validate`.
pub fn json_schema() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .for_deserialize()
        .with_transform(accept_variables);
    let mut schema = settings.into_generator().into_root_schema_for::<File>();
    schema.insert("title".into(), "Rolewright policy".into());
    schema.to_value()
}

/// Takes back the `null` that stands for an absent key elsewhere, and lets `${NAME}` stand where a number or a word does.
fn accept_variables(schema: &mut Schema) {
    transform_subschemas(&mut accept_variables, schema);
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(words)) = object.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&json!("null")));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            // The description of the key comes before that of its type.
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
    let is_number = object
        .get("type")
        .is_some_and(|kind| kind == "integer" || kind == "boolean");
    if is_number || object.contains_key("enum") {
        let documentation = object.remove("description");
        let literal = std::mem::take(object);
        object.extend(documentation.map(|text| ("description".to_owned(), text)));
        object.insert(
            "anyOf".into(),
            json!([literal, { "type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}" }]),
        );
    }
}

macro_rules! inline {
    ($type:ty $(, for <$generic:ident>)?; $name:expr, $generator:ident => $schema:expr) => {
        impl$(<$generic: JsonSchema>)? JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

inline!(Named<T>, for <T>; format!("Map of {}", T::schema_name()), generator => {
    let value = generator.subschema_for::<T>();
    json_schema!({ "type": "object", "additionalProperties": value })
});

inline!(Brief<T>, for <T>; format!("Brief {}", T::schema_name()), generator => {
    let long = generator.subschema_for::<T>();
    json_schema!({ "anyOf": [{ "type": "string" }, long] })
});

inline!(AnyScalar; "Scalar", _generator => json_schema!({ "type": ["string", "number", "boolean"] }));

inline!(Version; "Version", _generator => json_schema!({ "enum": [1] }));

inline!(AccessList; "Access", generator => {
    let everywhere = generator.subschema_for::<Preset>();
    let schemas = generator.subschema_for::<List<String>>();
    let by_preset = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": { "ddl": schemas, "dml": schemas, "read": schemas },
    });
    json_schema!({ "anyOf": [everywhere, by_preset] })
});

inline!(Replication; "Replication", generator => {
    let regions = generator.subschema_for::<List<String>>();
    json_schema!({ "anyOf": [{ "enum": ["automatic"] }, regions] })
});
