//! Another clock for one program: a library that is loaded before the C library, where the system lets one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
  int failed = syscall(SYS_clock_gettime, clock, time);
  if (!failed && clock == CLOCK_REALTIME) time->tv_sec += atol(getenv("CLOCK_SHIFT"));
  return failed;
}
"#;

/// The environment of a program whose clock is so many seconds ahead; `None` where there is no way.
pub fn shifted(seconds: i64) -> Option<[(&'static str, String); 2]> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let library = LIBRARY
        .get_or_init(|| cfg!(target_os = "linux").then(build))
        .as_ref()?;
    Some([
        ("LD_PRELOAD", library.display().to_string()),
        ("CLOCK_SHIFT", seconds.to_string()),
    ])
}

/// With the compiler that Rust links with.
fn build() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, library) = (
        folder.join("clock.c"),
        folder.join(format!("clock-{}.so", std::process::id())),
    );
    std::fs::write(&source, SOURCE).expect("it is written");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    assert!(built.expect("cc runs").success());
    library
}
