//! Policy files: what they resolve to, and what is said of those that are wrong.

use rolewright::policy::{Source, Variables, load};

#[test]
fn every_example_loads() {
    for entry in std::fs::read_dir("policies").unwrap() {
        let path = entry.unwrap().path();
        let source = Source { name: path.display().to_string(), text: std::fs::read_to_string(&path).unwrap() };
        let mut variables = Variables::default();
        variables.assign("PROJECT=my-project").unwrap();
        variables.assign("PROJECT_NUMBER=123456789012").unwrap();
        assert_eq!(load(&[source], &variables).map(|policies| policies.len()), Ok(1));
    }
}
