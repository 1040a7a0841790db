//! What builds and tests fetch is named by its content, so that nobody can put something else in its place.

use std::path::Path;

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// `NAME:TAG@sha256:…`, the form in which a registry cannot change what a name stands for.
fn is_by_digest(image: &str) -> bool {
    let digest = image.split_once("@sha256:").map(|(_, digest)| digest);
    digest.is_some_and(|digest| {
        digest.len() == 64
            && digest
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    })
}

/// The base images of a Dockerfile, without the stages that it defines itself.
fn bases(dockerfile: &str) -> Vec<&str> {
    let mut stages = Vec::new();
    let mut bases = Vec::new();
    for line in dockerfile.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let ["FROM", image, rest @ ..] = &words[..] else {
            continue;
        };
        if !stages.contains(image) {
            bases.push(*image);
        }
        if let ["AS", stage] = rest {
            stages.push(*stage);
        }
    }
    bases
}

#[test]
fn container_images_are_named_by_digest() {
    let (dockerfile, compose) = (file("Dockerfile"), file("docker-compose.yml"));
    let services = compose
        .lines()
        .filter_map(|line| line.trim().strip_prefix("image: "));
    let images: Vec<_> = bases(&dockerfile).into_iter().chain(services).collect();
    assert!(images.len() >= 3, "{images:?}");
    for image in images {
        assert!(is_by_digest(image), "{image} is named by a tag only");
    }
    assert!(
        !dockerfile.contains("# syntax="),
        "a frontend of BuildKit is an image as well"
    );
}
