//! Which files the arguments name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Usage;

/// The files as named, and of a directory every `*.yaml` and `*.yml` below it; sorted, each once.
pub(super) fn expand(arguments: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = BTreeSet::new();
    for argument in arguments {
        let metadata = match argument.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Usage::NoSuchPath(argument.clone()).into());
            }
            metadata => {
                metadata.with_context(|| format!("cannot look at `{}`", argument.display()))?
            }
        };
        if metadata.is_dir() {
            let before = files.len();
            below(argument, &mut files)?;
            if files.len() == before && !files.iter().any(|file| file.starts_with(argument)) {
                return Err(Usage::NoPolicyFile(argument.clone()).into());
            }
        } else {
            files.insert(argument.clone());
        }
    }
    Ok(files.into_iter().collect())
}

/// Links to files are followed, links to directories are not: they could lead in circles.
fn below(directory: &Path, files: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    let unreadable = || format!("cannot read directory `{}`", directory.display());
    for entry in directory.read_dir().with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let path = entry.path();
        if entry.file_type().with_context(unreadable)?.is_dir() {
            below(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
            && !path.is_dir()
        {
            files.insert(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stands_for_the_policies_below_it() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        std::fs::create_dir_all(path("b/c.yaml")).unwrap();
        for name in ["b/z.yml", "b/c.yaml/y.yaml", "a.yaml", "b/note.md"] {
            std::fs::write(path(name), "").unwrap();
        }
        std::os::unix::fs::symlink(root.path(), path("b/loop.yaml")).unwrap();
        let files = expand(&[path("b"), root.path().into(), path("a.yaml")]).unwrap();
        assert_eq!(
            files,
            [path("a.yaml"), path("b/c.yaml/y.yaml"), path("b/z.yml")]
        );
    }

    #[test]
    fn nothing_to_read_is_wrong_usage() {
        let root = tempfile::tempdir().unwrap();
        for wrong in [root.path().to_owned(), root.path().join("absent.yaml")] {
            assert!(expand(&[wrong]).unwrap_err().is::<Usage>());
        }
    }
}
