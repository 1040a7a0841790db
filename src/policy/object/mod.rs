//! `object:` of a grant: the kind in words, then the name as in SQL.

mod token;
mod types;

use std::sync::Arc;

use self::token::{Token, tokens};
use super::problem::{closest, list};
use crate::model::{
    DatabaseName, NameError, Object, ObjectKind, PrivilegeClass, RelationKind, RoutineKind,
    SchemaName, Target,
};

/// Why a text names no object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// A character that cannot be part of a name.
    #[error("`{0}` has no place in an object's name")]
    Character(char),
    /// A quoted name without its end.
    #[error("a `\"` is not closed")]
    Quote,
    /// What follows a backslash in `U&"…"` is no character.
    #[error("a `\\` of a name in `U&\"…\"` is followed by no character's number")]
    Escape,
    /// No kind of object begins it.
    #[error("unknown kind of object in `{0}`")]
    Kind(String),
    /// Nothing behind the kind.
    #[error("the name is missing behind `{0}`")]
    NoName(&'static str),
    /// A parenthesis is missing.
    #[error("`{0}` is missing")]
    Missing(char),
    /// A name without its schema.
    #[error("`{0}` does not say in which schema")]
    NoSchema(String),
    /// More parts than schema and name.
    #[error("a name has at most a schema and a name, not three parts")]
    ThreeParts,
    /// An unknown type.
    #[error("`{0}` is not a type this program knows")]
    Type(String),
    /// A type modifier of another form.
    #[error("a type modifier is a number in parentheses")]
    Modifier,
    /// A routine without its argument types.
    #[error("`{0}` does not say which argument types")]
    NoArguments(String),
    /// A large object that is not named by number.
    #[error("a large object is named by its OID")]
    NotAnOid,
    /// More than a name.
    #[error("nothing may follow the object's name")]
    Trailing,
    /// More than one object.
    #[error("it names more than one object")]
    Several,
    /// A name that cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl ObjectError {
    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Character('*') => "all of a kind are `all tables in schema NAME` and the like".into(),
            Self::Trailing => "one object a grant; an unusual name needs double quotes, as in SQL".into(),
            Self::Character(_) => "put an unusual name into double quotes, as in SQL".into(),
            Self::Kind(text) => {
                let aliases = ["matview", "server", "configuration parameter"];
                let names: Vec<_> =
                    KINDS.iter().map(|(words, _)| *words).filter(|name| !aliases.contains(name)).collect();
                let meant = closest(text.split_whitespace().next().unwrap_or_default(), names.iter().copied());
                match meant {
                    Some(kind) => format!("did you mean `{kind}`?"),
                    None => format!("write a kind, then a name; the kinds are {}", list(&names)),
                }
            }
            Self::NoSchema(name) => format!("write `public.{name}` if it is in the schema `public`"),
            Self::ThreeParts => "the database goes into `database:`; a dot in a name needs double quotes".into(),
            Self::Type(_) => {
                "give argument types only, without names and modes, and a type of your own with its schema".into()
            }
            Self::NoArguments(name) => format!("write `{name}()` if it has none"),
            _ => return None,
        })
    }
}

/// What the words of a kind lead to.
#[derive(Debug, Clone, Copy)]
enum Form {
    Database,
    Schema,
    All(PrivilegeClass),
    Column,
    Routine(RoutineKind),
    InSchema(ObjectKind),
    Bare(ObjectKind),
    LargeObject,
    Parameter,
}

const KINDS: [(&str, Form); 28] = [
    (
        "table",
        Form::InSchema(ObjectKind::Relation(RelationKind::Table)),
    ),
    (
        "view",
        Form::InSchema(ObjectKind::Relation(RelationKind::View)),
    ),
    (
        "materialized view",
        Form::InSchema(ObjectKind::Relation(RelationKind::MaterializedView)),
    ),
    (
        "matview",
        Form::InSchema(ObjectKind::Relation(RelationKind::MaterializedView)),
    ),
    (
        "foreign table",
        Form::InSchema(ObjectKind::Relation(RelationKind::ForeignTable)),
    ),
    ("all tables in schema", Form::All(PrivilegeClass::Relation)),
    (
        "all sequences in schema",
        Form::All(PrivilegeClass::Sequence),
    ),
    ("all routines in schema", Form::All(PrivilegeClass::Routine)),
    (
        "all functions in schema",
        Form::All(PrivilegeClass::Routine),
    ),
    (
        "all procedures in schema",
        Form::All(PrivilegeClass::Routine),
    ),
    ("column", Form::Column),
    ("sequence", Form::InSchema(ObjectKind::Sequence)),
    ("function", Form::Routine(RoutineKind::Function)),
    ("procedure", Form::Routine(RoutineKind::Procedure)),
    ("routine", Form::Routine(RoutineKind::Function)),
    ("aggregate", Form::Routine(RoutineKind::Aggregate)),
    ("schema", Form::Schema),
    ("database", Form::Database),
    ("type", Form::InSchema(ObjectKind::Type)),
    ("domain", Form::InSchema(ObjectKind::Domain)),
    ("language", Form::Bare(ObjectKind::Language)),
    ("foreign server", Form::Bare(ObjectKind::ForeignServer)),
    ("server", Form::Bare(ObjectKind::ForeignServer)),
    (
        "foreign data wrapper",
        Form::Bare(ObjectKind::ForeignDataWrapper),
    ),
    ("tablespace", Form::Bare(ObjectKind::Tablespace)),
    ("large object", Form::LargeObject),
    ("parameter", Form::Parameter),
    ("configuration parameter", Form::Parameter),
];

/// What a text names: one target, or one for each column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// The kind as written.
    pub words: &'static str,
    /// Which privileges exist.
    pub class: PrivilegeClass,
    /// The targets.
    pub targets: Vec<Target>,
}

/// Reads `<kind> <name>`.
pub(super) fn parse(text: &str) -> Result<Named, ObjectError> {
    let mut cursor = Cursor {
        tokens: tokens(text)?.into(),
        at: 0,
    };
    let (words, form) = kind(&mut cursor).ok_or_else(|| ObjectError::Kind(text.to_owned()))?;
    if cursor.peek().is_none() {
        return Err(ObjectError::NoName(words));
    }
    let (class, targets) = targets(form, &mut cursor)?;
    match cursor.peek() {
        Some(Token::Mark('.')) => Err(ObjectError::ThreeParts),
        Some(_) => Err(ObjectError::Trailing),
        None => Ok(Named {
            words,
            class,
            targets,
        }),
    }
}

/// Takes the longest run of words that is a kind.
fn kind(cursor: &mut Cursor) -> Option<(&'static str, Form)> {
    let written: Vec<_> = cursor.tokens.iter().map_while(Token::keyword).collect();
    let starts = |words: &str| {
        let words: Vec<_> = words.split(' ').collect();
        written.starts_with(&words).then_some(words.len())
    };
    let (length, words, form) = KINDS
        .iter()
        .filter_map(|(words, form)| Some((starts(words)?, *words, *form)))
        .max_by_key(|found| found.0)?;
    cursor.at = length;
    Some((words, form))
}

fn targets(form: Form, cursor: &mut Cursor) -> Result<(PrivilegeClass, Vec<Target>), ObjectError> {
    let object = match form {
        Form::All(class) => {
            let schema = SchemaName::new(&cursor.name()?.0)?;
            return Ok((class, vec![Target::AllInSchema(class, schema)]));
        }
        Form::Column => return Ok((PrivilegeClass::Column, columns(cursor)?)),
        Form::Database => Object::Database(DatabaseName::new(&cursor.name()?.0)?),
        Form::Schema => Object::Schema(SchemaName::new(&cursor.name()?.0)?),
        Form::Routine(kind) => {
            let (schema, name) = cursor.name_in_schema()?;
            let arguments = arguments(cursor, &format!("{schema}.{name}"))?.into();
            Object::Routine {
                kind,
                schema,
                name,
                arguments,
            }
        }
        Form::InSchema(kind) => {
            let (schema, name) = cursor.name_in_schema()?;
            Object::InSchema { kind, schema, name }
        }
        Form::Bare(kind) => Object::Bare {
            kind,
            name: checked(&cursor.name()?.0)?,
        },
        Form::LargeObject => match cursor.next() {
            Some(Token::Number(oid)) if oid.parse::<u32>().is_ok_and(|oid| oid > 0) => {
                Object::Bare {
                    kind: ObjectKind::LargeObject,
                    name: oid.trim_start_matches('0').into(),
                }
            }
            _ => return Err(ObjectError::NotAnOid),
        },
        Form::Parameter => Object::Bare {
            kind: ObjectKind::Parameter,
            name: parameter(cursor)?.into(),
        },
    };
    Ok((object.kind().class(), vec![Target::Object(object)]))
}

/// Reads `name` or `prefix.name`, of which PostgreSQL takes no other letters in quotes either
/// (`valid_custom_variable_name()`).
fn parameter(cursor: &mut Cursor) -> Result<String, ObjectError> {
    let mut parts = Vec::new();
    loop {
        let part = cursor.name()?.0.to_ascii_lowercase();
        if !token::is_plain(&part) {
            return Err(NameError::Grammar {
                name: part,
                expected: "the name of a parameter",
            }
            .into());
        }
        parts.push(part);
        if !cursor.eat('.') {
            return Ok(parts.join("."));
        }
    }
}

fn columns(cursor: &mut Cursor) -> Result<Vec<Target>, ObjectError> {
    let (schema, relation) = cursor.name_in_schema()?;
    if !cursor.eat('(') {
        return Err(ObjectError::Missing('('));
    }
    let mut targets = Vec::new();
    loop {
        let column = checked(&cursor.name()?.0)?;
        targets.push(Target::Object(Object::Column {
            schema: schema.clone(),
            relation: relation.clone(),
            column,
        }));
        match cursor.next() {
            Some(Token::Mark(',')) => {}
            Some(Token::Mark(')')) => return Ok(targets),
            _ => return Err(ObjectError::Missing(')')),
        }
    }
}

/// Reads argument types into the form of `oidvectortypes()`.
fn arguments(cursor: &mut Cursor, routine: &str) -> Result<String, ObjectError> {
    if !cursor.eat('(') {
        return Err(ObjectError::NoArguments(routine.to_owned()));
    }
    // `count(*)` has no arguments.
    let star = cursor.eat('*');
    if cursor.eat(')') {
        return Ok(String::new());
    }
    if star {
        return Err(ObjectError::Missing(')'));
    }
    let mut types = Vec::new();
    loop {
        types.push(types::argument_type(cursor)?);
        match cursor.next() {
            Some(Token::Mark(',')) => {}
            Some(Token::Mark(')')) => return Ok(types.join(", ")),
            _ => return Err(ObjectError::Missing(')')),
        }
    }
}

fn checked(name: &str) -> Result<Arc<str>, NameError> {
    SchemaName::new(name).map(|name| name.as_str().into())
}

/// A place in the tokens.
#[derive(Debug, Clone)]
struct Cursor {
    tokens: Arc<[Token]>,
    at: usize,
}

impl Cursor {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// Takes `mark` if it is next.
    fn eat(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    /// A name, and whether it was quoted.
    fn name(&mut self) -> Result<(String, bool), ObjectError> {
        match self.next() {
            Some(Token::Name { text, quoted }) => Ok((text, quoted)),
            Some(Token::Mark(mark)) => Err(ObjectError::Character(mark)),
            Some(Token::Number(digits)) => {
                Err(ObjectError::Character(digits.chars().next().unwrap_or('0')))
            }
            None => Err(ObjectError::NoName(".")),
        }
    }

    /// `[schema.]name`
    fn qualified_name(&mut self) -> Result<(Option<String>, (String, bool)), ObjectError> {
        let first = self.name()?;
        if !self.eat('.') {
            return Ok((None, first));
        }
        let second = self.name()?;
        if self.peek() == Some(&Token::Mark('.')) {
            return Err(ObjectError::ThreeParts);
        }
        Ok((Some(first.0), second))
    }

    fn name_in_schema(&mut self) -> Result<(SchemaName, Arc<str>), ObjectError> {
        match self.qualified_name()? {
            (Some(schema), (name, _)) => Ok((SchemaName::new(&schema)?, checked(&name)?)),
            (None, (name, _)) => Err(ObjectError::NoSchema(name)),
        }
    }
}
