//! HTTP around the world: one request at a time is recorded, answered and encoded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::Value;

use super::call::Call;
use super::clock::rfc3339;
use super::dispatch::dispatch;
use super::enums;
use super::error::ApiError;
use super::gate::{self, Moment};
use super::world::{RequestSeen, World};

/// Google refuses larger requests too; no valid one here comes near.
const BODY_BYTES: usize = 10 * 1024 * 1024;

/// What Google's front end answers where there is no method.
const NO_SUCH_PAGE: &str = "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error 404 (Not Found)!!1</title>\n  <p><b>404.</b> <ins>That’s an error.</ins>\n  <p>The requested URL was not found on this server.  <ins>That’s all we know.</ins>\n";

/// The world, shared by the server and the test that started it.
pub type SharedWorld = Arc<Mutex<World>>;

/// A panic in one request must not hide what the others saw.
pub fn lock(world: &SharedWorld) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn router(world: SharedWorld) -> Router {
    Router::new().fallback(answer).with_state(world)
}

async fn answer(State(world): State<SharedWorld>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let call = match to_bytes(body, BODY_BYTES).await {
        Ok(body) => Call::new(&parts, &body),
        Err(_) => {
            let error = ApiError::invalid("Request payload size exceeds the limit: 10485760 bytes.");
            return encoded(error.http(), &error.body());
        }
    };
    let number = gate::arrive(&world, &call);
    gate::pass(&world, Moment::Before(number)).await;
    let response = carried_out(&world, &call);
    gate::pass(&world, Moment::After(number)).await;
    if gate::loses(&world, number) { broken_off() } else { response }
}

fn carried_out(world: &SharedWorld, call: &Call) -> Response {
    let mut world = lock(world);
    world.settle();
    let (status, response) = match dispatch(&mut world, call) {
        None => (StatusCode::NOT_FOUND, no_such_page()),
        Some(Err(error)) => (error.http(), encoded(error.http(), &error.body())),
        Some(Ok(mut value)) => {
            if call.wants_enum_numbers() {
                enums::to_numbers(&mut value);
            }
            (StatusCode::OK, encoded(StatusCode::OK, &value))
        }
    };
    record(&mut world, call, status);
    response
}

/// Every request but those to the fake itself.
fn record(world: &mut World, call: &Call, status: StatusCode) {
    if call.is_to_the_fake() {
        return;
    }
    let time = rfc3339(world.clock.now());
    world.requests.push(RequestSeen {
        time,
        method: call.method.clone(),
        host: call.host.clone(),
        path: call.path.clone(),
        query: call.raw_query.clone(),
        caller: call.caller.clone(),
        status: status.as_u16(),
    });
}

fn encoded(status: StatusCode, value: &Value) -> Response {
    response(status, "application/json; charset=UTF-8", format!("{value:#}\n"))
}

fn no_such_page() -> Response {
    response(StatusCode::NOT_FOUND, "text/html; charset=UTF-8", NO_SUCH_PAGE.to_owned())
}

/// The head of an answer; then the connection ends.
fn broken_off() -> Response {
    let lost =
        futures_util::stream::once(async { Err::<String, _>(std::io::Error::other("the answer is to get lost")) });
    Response::new(Body::from_stream(lost))
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let content_type = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
