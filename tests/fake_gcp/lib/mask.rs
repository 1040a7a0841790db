//! Field masks, in the query (`updateMask=a,b`) or in a body, in either spelling.

use super::error::ApiError;
use super::shape::camel_case;

/// The paths of a mask in camelCase.
///
/// # Errors
/// 400 for an empty mask and for a path that is not in `known`.
pub fn parse(mask: &str, known: &[&str]) -> Result<Vec<String>, ApiError> {
    let paths: Vec<String> = mask
        .split(',')
        .map(|path| camel_case(path.trim()))
        .filter(|path| !path.is_empty())
        .collect();
    if paths.is_empty() {
        return Err(ApiError::invalid("Field [update_mask] is required."));
    }
    match paths.iter().find(|path| !known.contains(&path.as_str())) {
        None => Ok(paths),
        Some(path) => Err(ApiError::malformed(
            "update_mask",
            format!(
                "Invalid value at 'update_mask' (type.googleapis.com/google.protobuf.FieldMask), \"{path}\""
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_strangers_refused() {
        let known = ["annotations", "versionAliases", "rotation.nextRotationTime"];
        let paths = parse("version_aliases,annotations", &known).unwrap();
        assert_eq!(paths, ["versionAliases", "annotations"]);
        assert_eq!(
            parse("rotation.next_rotation_time", &known).unwrap(),
            ["rotation.nextRotationTime"]
        );
        assert!(
            parse("annotation", &known)
                .unwrap_err()
                .message
                .contains("\"annotation\"")
        );
        assert!(parse("", &known).is_err());
    }
}
