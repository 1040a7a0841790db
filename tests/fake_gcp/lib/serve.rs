//! HTTP around the world: one request at a time is recorded, answered and encoded.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::call::Call;
use super::dispatch::dispatch;
use super::enums;
use super::error::ApiError;
use super::fault::{End, Passage, When};
use super::reply::Reply;
use super::world::World;

/// Google refuses larger requests too; no valid one here comes near.
const BODY_BYTES: usize = 10 * 1024 * 1024;

/// The world, shared by the server and the test that started it.
pub type SharedWorld = Arc<Mutex<World>>;

/// A panic in one request must not hide what the others saw.
pub fn lock(world: &SharedWorld) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves every connection on a task of its own, until the listener fails.
pub async fn serve(listener: TcpListener, world: SharedWorld) -> std::io::Result<Infallible> {
    loop {
        let (connection, _) = listener.accept().await?;
        tokio::spawn(serve_connection(connection, world.clone()));
    }
}

async fn serve_connection(connection: TcpStream, world: SharedWorld) {
    let service = service_fn(|request| answer(&world, request));
    // What is wrong with a connection is known to its client; a request that is dropped ends one too.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(connection), service)
        .await;
}

/// What makes hyper close a connection without an answer.
#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request is to be dropped")
    }
}

impl std::error::Error for Dropped {}

async fn answer(world: &SharedWorld, request: Request<Incoming>) -> Result<Response, Dropped> {
    let (parts, body) = request.into_parts();
    let mut call = match to_bytes(Body::new(body), BODY_BYTES).await {
        Ok(body) => Call::new(&parts, &body),
        Err(_) => {
            let error =
                ApiError::invalid("Request payload size exceeds the limit: 10485760 bytes.");
            return Ok(Reply::json(error.http(), &error.body()).response());
        }
    };
    if call.is_to_the_fake() {
        return Ok(carried_out(&mut lock(world), &call).response());
    }
    let (passage, number) = arrive(world, &mut call);
    if let Some(end) = passage.pass(world, When::Before).await {
        return ended(world, number, end, None);
    }
    let reply = {
        let mut world = lock(world);
        world.carried_out(number);
        carried_out(&mut world, &call)
    };
    let end = passage.pass(world, When::After).await;
    ended(
        world,
        number,
        end.unwrap_or_else(|| End::Answered(reply.clone())),
        Some(reply),
    )
}

/// The request is recorded, under the number that is returned, with the faults that it is going to meet.
fn arrive(world: &SharedWorld, call: &mut Call) -> (Passage, usize) {
    let mut world = lock(world);
    let now = world.clock.now();
    let passage = Passage::new(&mut world.faults, call, now);
    call.view = passage.view(now);
    let number = world.record(call, passage.names());
    (passage, number)
}

fn carried_out(world: &mut World, call: &Call) -> Reply {
    world.settle();
    match dispatch(world, call) {
        None => Reply::page(
            StatusCode::NOT_FOUND,
            "The requested URL was not found on this server.",
        ),
        Some(Err(error)) => Reply::json(error.http(), &error.body()),
        Some(Ok(mut value)) => {
            if call.wants_enum_numbers() {
                enums::to_numbers(&mut value);
            }
            Reply::json(StatusCode::OK, &value)
        }
    }
}

fn ended(
    world: &SharedWorld,
    number: usize,
    end: End,
    own: Option<Reply>,
) -> Result<Response, Dropped> {
    match (end, own) {
        (End::Answered(reply), _) => {
            lock(world).answered(number, reply.status);
            Ok(reply.response())
        }
        (End::Cut, Some(reply)) => Ok(reply.cut()),
        (End::Cut, None) | (End::Dropped, _) => Err(Dropped),
    }
}
