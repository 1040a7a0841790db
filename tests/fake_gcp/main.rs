//! `fake-gcp`: a strict fake of the Google APIs that Rolewright calls. See `docs/fake-gcp.md`.

#[path = "lib/mod.rs"]
mod fake_gcp;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use fake_gcp::{FakeGcp, Project, Projects};

/// A strict fake of Secret Manager, its IAM policies, Cloud Run and Resource Manager, for tests.
#[derive(Parser)]
#[command(name = "fake-gcp")]
struct Arguments {
    /// Loopback address to serve on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// A project and its number; may be repeated.
    #[arg(long = "project", value_name = "ID=NUMBER", value_parser = parse_project)]
    projects: Vec<Project>,

    /// Only the projects given exist; otherwise each is made, with a number derived from its id, on first use.
    #[arg(long)]
    strict_projects: bool,
}

fn parse_project(text: &str) -> Result<Project, String> {
    let (id, number) = text.split_once('=').ok_or("expected ID=NUMBER")?;
    let number = number
        .parse()
        .map_err(|error| format!("`{number}` is no number: {error}"))?;
    Ok(Project {
        id: id.to_owned(),
        number,
    })
}

fn main() -> ExitCode {
    match serve(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "fake-gcp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: Arguments) -> io::Result<()> {
    let projects = Projects::new(arguments.projects, arguments.strict_projects);
    let fake = FakeGcp::serve(arguments.listen, projects)?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening on {}", fake.base_url())?;
    stdout.flush()?;
    fake.wait()
}
