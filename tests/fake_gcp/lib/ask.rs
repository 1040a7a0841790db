//! Requests without a server, for the tests beside the modules.

use serde_json::Value;

use super::call::tests::call;
use super::dispatch::dispatch;
use super::error::{Answer, ApiError, Code};
use super::world::World;

/// The answer to `GET /v1/…`, given as method and path in one.
pub fn ask(world: &mut World, request: &str, body: &Value) -> Answer {
    let (method, uri) = request.split_once(' ').expect("a method and a path");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    world.settle();
    let answer = dispatch(world, &call(method, uri, &body));
    answer.unwrap_or_else(|| panic!("no method answers `{request}`"))
}

/// The answer of a request that has to succeed.
pub fn must(world: &mut World, request: &str, body: &Value) -> Value {
    let answer = ask(world, request, body);
    answer.unwrap_or_else(|error| panic!("`{request}`: {}", error.message))
}

/// The code and message of a request that has to be refused.
pub fn refused(world: &mut World, request: &str, body: &Value) -> (Code, String) {
    match ask(world, request, body) {
        Ok(answer) => panic!("`{request}` was answered: {answer}"),
        Err(ApiError { code, message, .. }) => (code, message),
    }
}
