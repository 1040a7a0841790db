//! Results in files: whole or not at all, readable by their owner only, and never through a link of another user.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use rand::Rng;

/// The most links on the way to a file, as in Linux.
const MOST_LINKS: usize = 40;

/// Writes `text` to the file `path`: beside it, under a random name, then renamed over it. What is no regular
/// file (a pipe, `/dev/stderr`) is written to as it is.
///
/// In a folder that others may write to, everything but a folder of ours can be theirs: a link there is not followed but
/// replaced, and what is no regular file is written to only where it is ours.
///
/// # Errors
/// The file cannot be written; a link of such a folder stands on the way to it.
pub(super) fn write(path: &Path, text: &[u8], random: &mut impl Rng) -> io::Result<()> {
    match target(path)? {
        Target::Stream(path) => stream(&path)?.write_all(text),
        Target::File { folder, name } => replace(&folder, &folder.join(name), text, random),
    }
}

/// Where a path leads.
enum Target {
    /// What is written to as it is.
    Stream(PathBuf),
    /// What is replaced, in a folder on whose path there are no links.
    File { folder: PathBuf, name: OsString },
}

/// Follows `path` as the system would, but for links that others may have put there.
fn target(path: &Path) -> io::Result<Target> {
    let mut folder = std::env::current_dir()?;
    let mut rest = reversed(path);
    let mut links = 0;
    while let Some(name) = rest.pop() {
        match name.to_str() {
            Some("/") => folder = PathBuf::from("/"),
            Some("..") => drop(folder.pop()),
            _ => {
                let found = match folder.join(&name).symlink_metadata() {
                    Err(error) if error.kind() != io::ErrorKind::NotFound || !rest.is_empty() => {
                        return Err(error);
                    }
                    found => found.ok(),
                };
                match step(&folder, &name, found.as_ref(), rest.is_empty())? {
                    Step::Into => folder.push(name),
                    Step::Follow(link) if links < MOST_LINKS => {
                        links += 1;
                        rest.extend(reversed(&link));
                    }
                    Step::Follow(_) => return Err(io::Error::other("too many links lead to it")),
                    Step::Arrived(target) => return Ok(target),
                }
            }
        }
    }
    Err(io::ErrorKind::IsADirectory.into())
}

/// What one name on the way is.
enum Step {
    Into,
    Follow(PathBuf),
    Arrived(Target),
}

fn step(
    folder: &Path,
    name: &OsString,
    found: Option<&Metadata>,
    is_last: bool,
) -> io::Result<Step> {
    let path = folder.join(name);
    let file = || {
        Step::Arrived(Target::File {
            folder: folder.to_owned(),
            name: name.clone(),
        })
    };
    let Some(found) = found else {
        return Ok(file());
    };
    if found.is_dir() {
        return Ok(Step::Into);
    }
    let shared = is_shared(folder)?;
    if found.is_symlink() {
        return match shared {
            // Behind these there is no name but an open file.
            false if folder.starts_with("/proc") && is_last => {
                Ok(Step::Arrived(Target::Stream(path)))
            }
            false => path.read_link().map(Step::Follow),
            true if is_last => Ok(file()),
            true => Err(refused(format!(
                "`{}` is a link in a folder that others may write to",
                path.display()
            ))),
        };
    }
    match found.is_file() {
        true => Ok(file()),
        false if shared && found.uid() != user() => Err(refused(format!(
            "`{}` is no regular file and belongs to another user",
            path.display()
        ))),
        false => Ok(Step::Arrived(Target::Stream(path))),
    }
}

/// The names on the way, the last one first.
fn reversed(path: &Path) -> Vec<OsString> {
    let names = path
        .components()
        .filter(|component| !matches!(component, Component::CurDir));
    names
        .rev()
        .map(|component| component.as_os_str().to_owned())
        .collect()
}

/// Whether others may make names in a folder; where the sticky bit is set, too.
fn is_shared(folder: &Path) -> io::Result<bool> {
    let folder = folder.metadata()?;
    Ok(folder.mode() & 0o022 != 0 || ![0, user()].contains(&folder.uid()))
}

fn user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

fn refused(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, reason)
}

fn stream(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

/// Neither the new file nor the one it replaces is opened by a name that another user could have created.
fn replace(folder: &Path, target: &Path, text: &[u8], random: &mut impl Rng) -> io::Result<()> {
    let beside = folder.join(format!(".rolewright.{:016x}", random.next_u64()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    let written = file
        .write_all(text)
        .and_then(|()| std::fs::rename(&beside, target));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::super::{Rendered, stream, style};
    use super::*;
    use std::convert::Infallible;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::Command;

    /// Chooses one name for ever.
    struct Constant;

    impl rand::TryRng for Constant {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(7)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(7)
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.fill(7);
            Ok(())
        }
    }

    fn put(path: &Path, text: &str) -> io::Result<()> {
        write(path, text.as_bytes(), &mut Constant)
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    /// A folder with `mode`, and a file outside of it that nothing may change.
    fn folder(mode: u32) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let (folder, victim) = (home.path().join("folder"), home.path().join("victim"));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
        fs::write(&victim, "old").unwrap();
        (home, folder, victim)
    }

    const SHARED: [u32; 4] = [0o777, 0o1777, 0o770, 0o2775];

    #[test]
    fn a_file_is_replaced_whole_and_nothing_stays_beside_it() {
        let (_home, folder, _) = folder(0o700);
        let path = folder.join("out.txt");
        fs::write(&path, "there before, and longer").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        put(&path, "first, and longer").unwrap();
        put(&path, "second").unwrap();
        assert_eq!(
            (
                read(&path).as_str(),
                path.metadata().unwrap().mode() & 0o7777
            ),
            ("second", 0o600)
        );
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_file_gets_no_styles() {
        let (_home, folder, _) = folder(0o700);
        let path = folder.join("out.txt");
        stream::file(
            &path,
            &Rendered::text(&style::paint(style::ERROR, "text")),
            &mut Constant,
        )
        .unwrap();
        assert_eq!(read(&path), "text");
    }

    #[test]
    fn in_a_folder_of_ours_a_link_stays_a_link() {
        let (home, folder, victim) = folder(0o755);
        let link = folder.join("link");
        for to in [
            victim.clone(),
            "../victim".into(),
            home.path().join("folder/../victim"),
        ] {
            symlink(&to, &link).unwrap();
            put(&link, "new").unwrap();
            assert!(link.symlink_metadata().unwrap().is_symlink());
            assert_eq!(read(&victim), "new");
            fs::remove_file(&link).unwrap();
        }
        // A link to nothing is one to a file that is made.
        symlink("made", &link).unwrap();
        put(&link, "new").unwrap();
        assert_eq!(read(&folder.join("made")), "new");
        symlink("loop", folder.join("loop")).unwrap();
        assert!(put(&folder.join("loop"), "new").is_err());
    }

    #[test]
    fn in_a_folder_of_others_no_link_is_followed() {
        for mode in SHARED {
            let (home, folder, victim) = folder(mode);
            let private = home.path().join("private");
            symlink(&victim, folder.join("link")).unwrap();
            symlink(folder.join("link"), &private).unwrap();
            // Directly, and by a link of our own that leads there.
            for path in [folder.join("link"), private] {
                put(&path, "new").unwrap();
                assert_eq!(read(&victim), "old", "{mode:o}");
            }
            let made = folder.join("link").symlink_metadata().unwrap();
            assert!(made.is_file() && made.mode() & 0o7777 == 0o600, "{mode:o}");
        }
    }

    #[test]
    fn in_a_folder_of_others_no_link_leads_to_another_folder() {
        for mode in SHARED {
            let (home, folder, victim) = folder(mode);
            symlink(home.path(), folder.join("reports")).unwrap();
            let error = put(&folder.join("reports/victim"), "new").unwrap_err();
            assert!(
                error
                    .to_string()
                    .ends_with("is a link in a folder that others may write to"),
                "{error}"
            );
            assert_eq!(read(&victim), "old");
        }
    }

    #[test]
    fn a_name_that_was_made_before_is_not_written_to() {
        let (_home, folder, victim) = folder(0o777);
        symlink(&victim, folder.join(".rolewright.0000000000000007")).unwrap();
        let error = put(&folder.join("out"), "new").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            (read(&victim).as_str(), folder.join("out").exists()),
            ("old", false)
        );
    }

    #[test]
    fn a_pipe_is_written_to_and_stays_one() {
        let (_home, folder, _) = folder(0o700);
        let (pipe, link) = (folder.join("pipe"), folder.join("link"));
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        symlink("pipe", &link).unwrap();
        for path in [pipe, link] {
            let reader = std::thread::spawn({
                let path = path.clone();
                move || read(&path)
            });
            put(&path, "through").unwrap();
            assert_eq!(reader.join().unwrap(), "through");
        }
        put(Path::new("/dev/null"), "nothing").unwrap();
        put(Path::new("/dev/stderr"), "").unwrap();
    }

    #[test]
    fn what_cannot_be_a_file_is_an_error() {
        let (_home, folder, _) = folder(0o700);
        for path in [
            folder.clone(),
            folder.join(".."),
            folder.join("none/out"),
            PathBuf::from("/"),
        ] {
            assert!(put(&path, "new").is_err(), "{path:?}");
        }
    }
}
