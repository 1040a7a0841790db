//! The documents name only what exists: files, headings, items of the code and tests.
//!
//! Every link, and every path or item of a module in backticks, is looked up. In a table, a column headed `test` names tests as
//! `module::function`, or cases of `tests/live/cases` as `cases::id`; a column headed `code` names files, or items as
//! `module::Item`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Paths in backticks are looked up where they begin with one of these.
const FOLDERS: [&str; 6] = ["src", "tests", "docs", "scripts", "fuzz", "schema"];

/// Items in backticks are looked up where they begin with one of these.
const MODULES: [&str; 9] = [
    "model", "policy", "access", "plan", "rotation", "postgres", "google", "apply", "output",
];

/// What introduces the name of an item.
const KEYWORDS: [&str; 8] = [
    "fn", "struct", "enum", "trait", "type", "const", "mod", "impl",
];

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The names that are defined, each with the modules of the files that define it.
#[derive(Default)]
struct Known(BTreeMap<String, Vec<Vec<String>>>);

impl Known {
    /// Everything that is defined below `folder`; the modules begin below it.
    fn below(folder: &str) -> Self {
        let (mut known, root) = (Self::default(), root(folder));
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    known.read(&path, modules(path.strip_prefix(&root).unwrap()));
                }
            }
        }
        known
    }

    fn read(&mut self, path: &Path, modules: Vec<String>) {
        let names: fn(&str) -> Vec<String> = match path.extension().and_then(|one| one.to_str()) {
            Some("rs") => |text| text.lines().flat_map(defined).collect(),
            Some("tsv") => |text| text.lines().filter_map(first_field).collect(),
            _ => return,
        };
        for name in names(&std::fs::read_to_string(path).unwrap()) {
            self.0.entry(name).or_default().push(modules.clone());
        }
    }

    /// Whether something is defined under this name, in modules that include those in front of it.
    fn has(&self, name: &str) -> bool {
        let mut path: Vec<_> = name.split("::").collect();
        let last = path.pop().unwrap_or_default();
        // `tests` is the module beside the code, and a type is no module: its method stands in the same file.
        path.retain(|one| *one != "tests" && one.starts_with(char::is_lowercase));
        self.0.get(last).is_some_and(|places| {
            places.iter().any(|modules| {
                let mut rest = modules.iter();
                path.iter().all(|wanted| rest.any(|one| one == wanted))
            })
        })
    }
}

fn modules(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    let parts = path
        .iter()
        .map(|part| part.to_string_lossy().replace('-', "_"));
    parts.filter(|part| part != "mod").collect()
}

fn defined(line: &str) -> Vec<String> {
    let words: Vec<_> = line.split_whitespace().collect();
    let names = words.windows(2).filter(|pair| KEYWORDS.contains(&pair[0]));
    names
        .map(|pair| pair[1].split(|c: char| c != '_' && !c.is_alphanumeric()))
        .filter_map(|mut parts| parts.next().map(str::to_owned))
        .collect()
}

fn first_field(line: &str) -> Option<String> {
    line.split('\t').next().map(str::to_owned)
}

/// A document, by its path in the repository.
struct Page {
    name: String,
    text: String,
}

impl Page {
    fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(root(name)).unwrap();
        Self {
            name: name.to_owned(),
            text,
        }
    }

    /// The lines that are no code block.
    fn lines(&self) -> impl Iterator<Item = &str> {
        let mut is_code = false;
        self.text.lines().filter(move |line| {
            let is_mark = line.trim_start().starts_with("```");
            is_code ^= is_mark;
            !is_code && !is_mark
        })
    }

    /// What stands in the columns headed `head`.
    fn column(&self, head: &str) -> Vec<&str> {
        let (mut found, mut at) = (Vec::new(), None);
        for line in self.lines() {
            let line = line.trim();
            if line.starts_with("|-") {
                continue;
            }
            if !line.starts_with('|') {
                at = None;
                continue;
            }
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            match at {
                Some(at) => found.extend(cells.get(at)),
                None => at = cells.iter().position(|cell| *cell == head),
            }
        }
        found
    }

    /// The targets of its links but for other sites; what stands in backticks is no link.
    fn links(&self) -> Vec<String> {
        let plain = |line: &str| line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let targets = |line: &str| {
            let ends = line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next());
            ends.map(str::to_owned).collect::<Vec<_>>()
        };
        let all = self.lines().flat_map(|line| targets(&plain(line)));
        all.filter(|link| !link.contains("://")).collect()
    }

    /// Each reference that leads nowhere.
    fn dead(&self, code: &Known, tests: &Known) -> Vec<String> {
        let mut links = self.links();
        links.retain(|link| !self.leads_somewhere(link));
        let paths = self.lines().flat_map(quoted).filter(|one| is_path(one));
        let dead_paths = paths.filter(|path| !root(path).exists());
        let in_column = |head| self.column(head).into_iter().flat_map(quoted);
        let is_named = |name: &str| is_path(name) || code.has(name);
        let is_known = |name: &str| is_named(name) || tests.has(name);
        let items = self.lines().flat_map(quoted).filter(|one| is_item(one));
        let mut dead: Vec<_> = dead_paths
            .chain(links.iter().map(String::as_str))
            .chain(in_column("test").filter(|name| !is_known(name)))
            .chain(in_column("code").filter(|name| !is_named(name)))
            .chain(items.filter(|name| !is_known(name)))
            .map(|what| format!("{}: `{what}`", self.name))
            .collect();
        dead.sort();
        dead.dedup();
        dead
    }

    fn leads_somewhere(&self, link: &str) -> bool {
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let target = root(&self.name).with_file_name(file);
        let text = if file.is_empty() {
            Ok(self.text.clone())
        } else if heading.is_empty() {
            return target.exists();
        } else {
            std::fs::read_to_string(target)
        };
        text.is_ok_and(|text| text.lines().any(|line| anchor(line) == heading))
    }
}

/// Whether it is a path from the top of the repository, and not a pattern or an example.
fn is_path(text: &str) -> bool {
    let is_plain = !text.contains(|c: char| " *<…".contains(c) || c.is_ascii_uppercase());
    let first = text.split('/').next().unwrap_or_default();
    is_plain && text.contains('/') && FOLDERS.contains(&first)
}

/// Whether it is an item, or a test, by the module that it is in.
fn is_item(text: &str) -> bool {
    MODULES.iter().any(|module| {
        text.strip_prefix(module)
            .is_some_and(|rest| rest.starts_with("::"))
    })
}

/// What stands in backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The fragment by which GitHub links a heading.
fn anchor(line: &str) -> String {
    let kept = line
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn documents() -> Vec<Page> {
    let mut names: Vec<_> = ["README.md", "CONTRIBUTING.md", "tests/README.md"]
        .map(str::to_owned)
        .into();
    for entry in root("docs").read_dir().unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.iter().map(|name| Page::read(name)).collect()
}

#[test]
fn the_documents_name_only_what_exists() {
    let (code, tests) = (Known::below("src"), Known::below("tests"));
    let dead: Vec<_> = documents()
        .iter()
        .flat_map(|page| page.dead(&code, &tests))
        .collect();
    assert!(dead.is_empty(), "{dead:#?}");
}

/// The pages that are tables of evidence, with the least number of entries in a column.
#[test]
fn each_line_of_the_security_model_and_of_the_traps_names_a_test() {
    for (name, head, least) in [
        ("docs/security.md", "test", 60),
        ("docs/postgres-traps.md", "test", 35),
        ("docs/postgres-traps.md", "code", 35),
        ("docs/glossary.md", "code", 40),
    ] {
        let page = Page::read(name);
        let cells = page.column(head);
        assert!(cells.len() >= least, "{name}: {} in {head}", cells.len());
        for cell in cells {
            assert!(quoted(cell).next().is_some(), "{name}: `{cell}` in {head}");
        }
    }
}

#[test]
fn a_dead_reference_is_found() {
    let text = "\
        `src/model/none.rs`, [a](none.md), [b](../README.md#none), [c](../README.md), [d](#head)\n\
        # Head\n\
        | what | code | test |\n\
        |---|---|---|\n\
        | a | `model::Nothing` | `references::none` |\n\
        `plan::Nothing` and `'x'::regclass`\n\
        | what | code | test |\n\
        | b | `rotation::AclItem`, `model::AclItem` | `plan::anchor`, `references::anchor` |\n\
        | c | `src/model/acl.rs` | `cases::none`, `cases::M01` |\n\
        ```sh\n\
        `src/in_code.rs`\n\
        ```\n";
    let page = Page {
        name: "docs/page.md".into(),
        text: text.into(),
    };
    let dead = page.dead(&Known::below("src"), &Known::below("tests"));
    let expected = [
        "../README.md#none",
        "cases::none",
        "model::Nothing",
        "none.md",
        "plan::Nothing",
        "plan::anchor",
        "references::none",
        "rotation::AclItem",
        "src/model/none.rs",
    ];
    assert_eq!(
        dead,
        expected.map(|one| format!("docs/page.md: `{one}`")),
        "{dead:#?}"
    );
}
