//! What a server sends: no part of it depends on how the bytes arrive, and no session begins without SCRAM.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewright::postgres::fuzzing::hear;

/// The code of the last message of SCRAM.
const SIGNATURE: &[u8] = &[0, 0, 0, 12];

fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else {
        return;
    };
    let whole = hear(bytes.chunks(bytes.len().max(1)));
    assert_eq!(whole, hear(bytes.chunks(usize::from(*size) % 16 + 1)));
    if whole == Ok(true) {
        assert!(bytes.windows(SIGNATURE.len()).any(|part| part == SIGNATURE));
    }
});
