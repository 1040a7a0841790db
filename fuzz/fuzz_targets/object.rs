//! The `object:` of a grant: what it is printed as names the same object.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewright::policy::fuzzing::targets;

fuzz_target!(|text: &str| {
    match targets(text) {
        Err(error) => assert!(!error.to_string().is_empty() && error.hint() != Some(String::new())),
        Ok(found) => {
            assert!(!found.is_empty());
            for target in found {
                let printed = target.to_string();
                assert_eq!(
                    targets(&printed).as_deref(),
                    Ok([target].as_slice()),
                    "{printed:?}"
                );
            }
        }
    }
});
