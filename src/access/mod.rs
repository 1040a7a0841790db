//! Who can do what, and by which path. No I/O.
//!
//! A [`Graph`] says as whom a role can act: by INHERIT at once, by SET ROLE, by an ADMIN OPTION that it uses for itself.
//! [`Access`] adds what those roles hold: by ACL entries, as owners, by name (`pg_read_all_data`), as superusers; and what
//! PUBLIC holds. What `has_*_privilege` and `pg_has_role` answer is the part of it that needs no SET ROLE.

mod explain;
mod graph;
mod held;
mod power;
mod rows;
mod views;
mod ways;

pub use explain::{Answer, Explanation, Lot, Owned, Place, Reserve, RowLimit, ask, explain, find};
pub use graph::{DATABASE_OWNER, Graph, Route};
pub use held::{Access, Source, Way};
pub use power::{Power, Predefined};
pub use rows::{NoRows, ON_ROWS, RowAccess, Rows};
pub use views::{Behind, Views};
pub use ways::{Manner, Ways};
