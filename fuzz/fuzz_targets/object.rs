//! The `object:` of a grant: what it is printed as names the same object.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewright::policy::fuzzing::object;

fuzz_target!(|text: &str| {
    match object(text) {
        Err((message, hint)) => assert!(!message.is_empty() && hint != Some(String::new())),
        Ok(targets) => {
            assert!(!targets.is_empty());
            for target in targets {
                let printed = target.to_string();
                assert_eq!(object(&printed).as_deref(), Ok([target].as_slice()), "{printed:?}");
            }
        }
    }
});
