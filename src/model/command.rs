//! Command lines that advice spells out, as they work when typed into a shell.

use super::{RoleName, is_visible, marked};

/// How a command was given its policy: what another command has to be given, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Files and directories, as they were named.
    pub files: Vec<String>,
    /// Options without which the files say something else: `--var=NAME=value`, `--var-file=FILE`.
    pub options: Vec<String>,
}

impl Given {
    /// `rolewright VERB` for the same policy, with more options.
    pub fn command(&self, verb: &str, options: &[&str]) -> String {
        // A file whose name begins like an option is named by its folder.
        let file = |name: &String| {
            if name.starts_with('-') {
                format!("./{name}")
            } else {
                name.clone()
            }
        };
        let files: Vec<_> = self.files.iter().map(file).collect();
        let unknown = files.is_empty().then_some("FILE");
        let words = ["rolewright", verb]
            .into_iter()
            .chain(files.iter().map(String::as_str))
            .chain(unknown);
        shell_command(
            words
                .chain(self.options.iter().map(String::as_str))
                .chain(options.iter().copied()),
        )
    }

    /// The same for one role.
    pub fn command_for(&self, verb: &str, role: &RoleName, options: &[&str]) -> String {
        let role = format!("--role={role}");
        self.command(verb, &[&[role.as_str()], options].concat())
    }
}

/// A command line of which a shell makes exactly these words.
pub fn shell_command<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// As little quoted as can be. Hidden characters are escapes of bash and zsh.
/// <https://www.gnu.org/software/bash/manual/html_node/ANSI_002dC-Quoting.html>
fn word(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(harmless) {
        return text.to_owned();
    }
    if is_visible(text) {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    let escaped = marked(text).map(|(c, hidden)| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if hidden => c
            .encode_utf8(&mut [0; 4])
            .bytes()
            .map(|byte| format!("\\{byte:03o}"))
            .collect(),
        c => c.into(),
    });
    format!("$'{}'", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_words_that_were_meant() {
        let words = [
            "gcloud",
            "--member=principalSet://x/*",
            "it's",
            "$(id)",
            "",
            "a\u{1b}\n\\'é",
            "p.example.com:x",
        ];
        let line = shell_command(words);
        assert_eq!(
            line,
            "gcloud '--member=principalSet://x/*' 'it'\\''s' '$(id)' '' $'a\\033\\012\\\\\\'é' p.example.com:x"
        );
        let shell = std::process::Command::new("bash")
            .args(["-c", &format!("printf '%s\\0' {line}")])
            .output();
        assert_eq!(
            String::from_utf8(shell.unwrap().stdout).unwrap(),
            words.map(|word| format!("{word}\0")).concat()
        );
    }

    #[test]
    fn a_command_names_the_files_as_they_were_given() {
        let given = |files: &[&str], options: &[&str]| Given {
            files: files.iter().map(ToString::to_string).collect(),
            options: options.iter().map(ToString::to_string).collect(),
        };
        let role = RoleName::new("-x y").unwrap();
        for (files, options, expected) in [
            (
                &["policies/"][..],
                &[][..],
                "rolewright rotate policies/ '--role=-x y' --now",
            ),
            (
                &["a b.yaml", "-c.yaml"],
                &[],
                "rolewright rotate 'a b.yaml' ./-c.yaml '--role=-x y' --now",
            ),
            (
                &["a.yaml"],
                &["--var=A=$1", "--var-file=v.yaml"],
                "rolewright rotate a.yaml '--var=A=$1' --var-file=v.yaml '--role=-x y' --now",
            ),
            (&[], &[], "rolewright rotate FILE '--role=-x y' --now"),
        ] {
            assert_eq!(
                given(files, options).command_for("rotate", &role, &["--now"]),
                expected
            );
        }
        assert_eq!(
            given(&["p.yaml"], &[]).command("apply", &[]),
            "rolewright apply p.yaml"
        );
    }
}
