//! Parses the command line, runs one command, reports errors.

use std::process::ExitCode;

use clap::Parser as _;
use rolewright::cli::Cli;
use rolewright::commands::{self, Exit};
use rolewright::output::{log, stream};

fn main() -> ExitCode {
    forbid_core_dumps();
    std::panic::set_hook(Box::new(report_panic));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return answer_of_parser(&answer),
    };
    stream::choose_color(cli.terminal.color);
    log::start(cli.terminal.verbose, cli.terminal.log_format);
    let exit = run(cli).unwrap_or_else(|error| {
        let (failure, exit) = commands::ending(&error);
        failure.iter().for_each(stream::failure);
        exit
    });
    ExitCode::from(exit.code())
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    // A second installation in one process keeps the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Runtime::new()?.block_on(commands::run(cli))
}

/// `--help` and `--version` are answers, everything else is wrong usage.
fn answer_of_parser(answer: &clap::Error) -> ExitCode {
    if answer.exit_code() == 0 {
        // A reader that closed the stream does not want it.
        let _ = answer.print();
        return ExitCode::from(Exit::Done.code());
    }
    // It repeats arguments, which may come from anywhere.
    stream::say(answer.render().ansi().to_string().trim_end());
    ExitCode::from(Exit::Usage.code())
}

/// A core file would hold passwords. Where the system refuses, there is nothing better to do than to go on.
fn forbid_core_dumps() {
    let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Says where, and not what: the message of a panic may quote a value.
fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic
        .location()
        .map_or_else(|| "an unknown place".into(), ToString::to_string);
    stream::say(&format!(
        "error: internal error at {place}\nhint: this is a bug in rolewright; please report it"
    ));
    std::process::exit(Exit::Failed.code().into());
}
