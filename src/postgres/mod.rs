//! The PostgreSQL edge: connect, inspect, run statements, lock, log in. Functions over a [`Session`]; no driver type
//! leaves this folder.
//!
//! ```text
//! conninfo, environment, passfile, tls -> Route -> dial -> Channel -> Session -> inspect_shared, inspect_database
//!                                      |             auth, backend     |-----> Session::run, notices per statement
//!                                    login                           Lock
//! ```

mod activity;
mod auth;
mod backend;
mod blocker;
mod channel;
mod conninfo;
mod dial;
mod environment;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod inspect;
mod keywords;
#[cfg(test)]
mod libpq_table;
mod lock;
mod login;
mod names;
mod passfile;
mod pipeline;
mod probe;
mod route;
mod route_error;
mod session;
mod session_check;
mod sql;
mod startup;
mod tls;
mod unreadable;
mod wire;

pub use activity::{Activity, ClientSession, LoginActivity, activity};
pub use auth::{Question, UntrustedServer};
pub use blocker::Blocker;
pub use environment::Environment;
pub use error::{Cause, PostgresError, ServerError};
pub use identity::identity;
pub use inspect::{
    Asked, ColumnName, Dependents, Shared, inspect_database, inspect_dependents, inspect_shared,
    inspect_ties, inspect_unplannable, snapshot_all, snapshot_database,
};
pub use lock::{LOCK_KEY, Lock, LockError, LockHolder, Standing, lock};
pub use login::{LoginError, Refusal, enter, login};
pub use pipeline::{Notice, Statement};
pub use probe::{Attempt, Holding, ask, begin_probe, holdings, try_harmless, try_undone};
pub use route::Route;
pub use route_error::RouteError;
pub use session::{ApplicationName, Session};
pub use session_check::SessionError;
pub use unreadable::UnreadableNames;
