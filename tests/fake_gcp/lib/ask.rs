//! Requests without a server, for the tests beside the modules.

use serde_json::Value;

use super::call::Call;
use super::call::tests::call;
use super::dispatch::dispatch;
use super::error::{Answer, ApiError, Code};
use super::world::World;

/// The answer to `GET /v1/…`, given as method and path in one.
pub fn ask(world: &mut World, request: &str, body: &Value) -> Answer {
    world.settle();
    let answer = dispatch(world, &made(request, body));
    answer.unwrap_or_else(|| panic!("no method answers `{request}`"))
}

fn made(request: &str, body: &Value) -> Call {
    let (method, uri) = request.split_once(' ').expect("a method and a path");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    call(method, uri, &body)
}

/// The answer of a request that has to succeed.
pub fn must(world: &mut World, request: &str, body: &Value) -> Value {
    let answer = ask(world, request, body);
    answer.unwrap_or_else(|error| panic!("`{request}`: {}", error.message))
}

/// The same of a request of this caller.
pub fn must_as(world: &mut World, caller: &str, request: &str, body: &Value) -> Value {
    let mut call = made(request, body);
    call.caller = caller.to_owned();
    let answer = dispatch(world, &call).unwrap_or_else(|| panic!("no method answers `{request}`"));
    answer.unwrap_or_else(|error| panic!("`{request}`: {}", error.message))
}

/// The code and message of a request that has to be refused.
pub fn refused(world: &mut World, request: &str, body: &Value) -> (Code, String) {
    match ask(world, request, body) {
        Ok(answer) => panic!("`{request}` was answered: {answer}"),
        Err(ApiError { code, message, .. }) => (code, message),
    }
}
