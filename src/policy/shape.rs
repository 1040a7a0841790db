//! Two macros that write reader, join and JSON Schema of a shape from one list of its keys.

/// A map with fixed keys. A required key is a `Located<T>`, an optional one an `Option<Located<T>>`.
macro_rules! shape {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(in crate::policy) struct $name {
            $($(#[$doc])* pub $key: $type,)*
        }

        impl $crate::policy::read::Read for $name {
            fn read(
                node: &$crate::policy::document::Node,
                problems: &mut $crate::policy::Problems,
            ) -> Option<Self> {
                let fields = $crate::policy::read::Fields::open(node, &[$(stringify!($key)),*], problems)?;
                Some(Self { $($key: fields.take(stringify!($key), problems),)* })
            }

            fn join(&mut self, later: Self, problems: &mut $crate::policy::Problems) -> bool {
                $($crate::policy::read::Field::join(&mut self.$key, later.$key, stringify!($key), problems);)*
                true
            }
        }
    };
}

/// A closed set of words, each standing for a value.
macro_rules! words {
    ($type:ty { $($word:literal => $value:expr,)* }) => {
        impl $crate::policy::scalar::Word for $type {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, $value)),*];
        }

        impl $crate::policy::read::Read for $type {
            fn read(
                node: &$crate::policy::document::Node,
                problems: &mut $crate::policy::Problems,
            ) -> Option<Self> {
                $crate::policy::scalar::word(node, problems)
            }

            fn join(&mut self, later: Self, _: &mut $crate::policy::Problems) -> bool {
                *self == later
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "enum": [$($word),*] })
            }
        }
    };
}

pub(in crate::policy) use {shape, words};
