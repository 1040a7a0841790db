//! Real servers and the real program for the live tests.
//!
//! ```ignore
//! each_major! {
//!     async fn a_fact_about_the_program(major: u32) {
//!         let cluster = Cluster::with(major, Options::default().database("shop"));
//!         cluster.batch("shop", "CREATE ROLE leaker LOGIN").await;
//!         Rolewright::new(&cluster, "http://127.0.0.1:1").run(["check", "policy.yaml"]).assert_status(2);
//!     }
//! }
//! ```
#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses a part of it"
)]

mod clock;
mod cluster;
pub mod impostor;
mod major;
mod proxy;
mod rolewright;

pub use clock::shifted;
pub use cluster::{Cluster, Options};
pub use major::{newest, run};
pub use proxy::{Fault, Proxy, Seen, Turn};
pub use rolewright::{Outcome, Rolewright};

/// Runs an `async` case: for [`newest`].
pub fn on_a_runtime(case: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(case);
}

/// Says what a test went through, also where it passes: what `println!` says then, the runner keeps to itself.
macro_rules! tell {
    ($($said:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($said)*);
    }};
}
pub(crate) use tell;

/// Turns one test into one `#[test]` per PostgreSQL major, so that the runner shows `name::pg14` to `name::pg18`.
///
/// The function takes the major version as a `u32`, and may be `async`.
macro_rules! each_major {
    ($(#[$meta:meta])* fn $name:ident($major:ident: u32) $body:block $($rest:tt)*) => {
        mod $name {
            use super::*;

            $(#[$meta])*
            fn case($major: u32) $body

            each_major! { @tests }
        }
        each_major! { $($rest)* }
    };
    ($(#[$meta:meta])* async fn $name:ident($major:ident: u32) $body:block $($rest:tt)*) => {
        each_major! {
            $(#[$meta])*
            fn $name($major: u32) {
                tokio::runtime::Runtime::new().unwrap().block_on(async $body)
            }
            $($rest)*
        }
    };
    (@tests) => {
        #[test]
        fn pg14() {
            $crate::support::run(14, case);
        }
        #[test]
        fn pg15() {
            $crate::support::run(15, case);
        }
        #[test]
        fn pg16() {
            $crate::support::run(16, case);
        }
        #[test]
        fn pg17() {
            $crate::support::run(17, case);
        }
        #[test]
        fn pg18() {
            $crate::support::run(18, case);
        }
    };
    () => {};
}
pub(crate) use each_major;
