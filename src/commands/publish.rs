//! Gives a result in every format that was asked for.

use anyhow::Context as _;

use crate::cli::{Format, OutputArgs};
use crate::output::{Rendered, stream};

/// Prints the result, after it wrote the files: a broken one is not announced as whole.
#[allow(clippy::disallowed_methods, reason = "commands hand in the randomness")]
pub(super) fn publish<F: Format>(
    args: &OutputArgs<F>,
    render: impl Fn(F) -> Rendered,
) -> anyhow::Result<()> {
    for file in &args.copies {
        let path = &file.path;
        stream::file(path, &render(file.format), &mut rand::rng())
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    stream::result(&render(args.format)).context("cannot write to standard output")
}
