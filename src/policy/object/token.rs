//! Names and punctuation as SQL's lexer reads them.
//! <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>

use super::ObjectError;

/// A word or a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// An identifier: folded to lower case unless quoted.
    Name { text: String, quoted: bool },
    /// Digits.
    Number(String),
    /// One of `( ) [ ] , . *`.
    Mark(char),
}

impl Token {
    /// The text of an unquoted word: what a keyword can be.
    pub fn keyword(&self) -> Option<&str> {
        match self {
            Self::Name {
                text,
                quoted: false,
            } => Some(text),
            _ => None,
        }
    }
}

/// Splits `text` into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ObjectError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if c.is_whitespace() => c.len_utf8(),
            '"' => {
                let (name, length) = quoted(rest)?;
                tokens.push(Token::Name {
                    text: name,
                    quoted: true,
                });
                length
            }
            'U' | 'u' if rest[1..].starts_with("&\"") => {
                let (name, length) = quoted(&rest[2..])?;
                tokens.push(Token::Name {
                    text: unescaped(&name)?,
                    quoted: true,
                });
                length + 2
            }
            c if starts_name(c) => {
                let length = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
                // Only ASCII: in a UTF-8 database PostgreSQL leaves other letters as they are.
                tokens.push(Token::Name {
                    text: rest[..length].to_ascii_lowercase(),
                    quoted: false,
                });
                length
            }
            c if c.is_ascii_digit() => {
                let length = rest
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(rest.len());
                tokens.push(Token::Number(rest[..length].to_owned()));
                length
            }
            c @ ('(' | ')' | '[' | ']' | ',' | '.' | '*') => {
                tokens.push(Token::Mark(c));
                1
            }
            c => return Err(ObjectError::Character(c)),
        };
        rest = &rest[length..];
    }
    Ok(tokens)
}

/// Whether `name` could stand without quotes.
pub(super) fn is_plain(name: &str) -> bool {
    name.starts_with(starts_name) && name.chars().all(continues_name)
}

fn starts_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn continues_name(c: char) -> bool {
    starts_name(c) && !c.is_whitespace() || c.is_ascii_digit() || c == '$'
}

/// Reads a quoted identifier, in which `""` is a quote, and returns its length.
fn quoted(text: &str) -> Result<(String, usize), ObjectError> {
    let mut name = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c != '"' {
            name.push(c);
        } else if characters.next_if(|(_, next)| *next == '"').is_some() {
            name.push('"');
        } else {
            return Ok((name, at + 1));
        }
    }
    Err(ObjectError::Quote)
}

/// The name that `U&"…"` stands for: `\\` followed by four hexadecimal digits, or by `+` and six.
fn unescaped(text: &str) -> Result<String, ObjectError> {
    let mut pieces = text.split('\\');
    let mut name = pieces.next().unwrap_or_default().to_owned();
    while let Some(piece) = pieces.next() {
        if piece.is_empty() {
            // A doubled one; behind it nothing is escaped.
            name.push('\\');
            name.push_str(pieces.next().ok_or(ObjectError::Escape)?);
            continue;
        }
        let (digits, length) = piece
            .strip_prefix('+')
            .map_or((piece, 4), |digits| (digits, 6));
        let (code, rest) = digits.split_at_checked(length).ok_or(ObjectError::Escape)?;
        let code = u32::from_str_radix(code, 16)
            .ok()
            .filter(|_| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        name.push(code.and_then(char::from_u32).ok_or(ObjectError::Escape)?);
        name.push_str(rest);
    }
    Ok(name)
}
