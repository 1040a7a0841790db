//! The PostgreSQL edge: connect, inspect, run statements, lock, log in. Functions over a [`Session`]; no driver type
//! leaves this folder.
//!
//! ```text
//! conninfo, environment, passfile, tls -> Route -> Session -> inspect_shared, inspect_database
//!                                      |         |-----> Session::run, notices per statement
//!                                    login     Lock
//! ```

mod activity;
mod blocker;
mod conninfo;
mod environment;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod inspect;
mod keywords;
mod lock;
mod login;
mod passfile;
mod pipeline;
mod probe;
mod route;
mod session;
mod sql;
mod startup;
mod tls;
mod wire;

pub use activity::{Activity, ClientSession, LoginActivity, activity};
pub use blocker::Blocker;
pub use environment::Environment;
pub use error::{Cause, PostgresError, ServerError};
pub use inspect::{
    Asked, ColumnName, Dependents, Shared, inspect_database, inspect_dependents, inspect_shared, inspect_ties,
    snapshot_all, snapshot_database,
};
pub use lock::{Lock, LockError, Standing, lock};
pub use login::{LoginError, enter, login};
pub use pipeline::{Notice, Statement};
pub use probe::{Attempt, Holding, ask, begin_probe, holdings, try_harmless, try_undone};
pub use route::{Route, RouteError};
pub use session::{ApplicationName, Session};
