//! Payloads on their way: with a checksum, in buffers that are wiped as far as they are ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use google_cloud_secretmanager_v1::model::{AccessSecretVersionResponse, SecretPayload};
use zeroize::Zeroizing;

use crate::model::Payload;

/// The payload for `addVersion`, in a copy that is wiped when the client drops it.
/// <https://cloud.google.com/secret-manager/docs/data-integrity>
pub(super) fn checked(payload: &Payload) -> SecretPayload {
    let copy = Zeroizing::new(payload.expose().to_vec());
    let checksum = crc32c::crc32c(&copy);
    SecretPayload::new().set_data(Bytes::from_owner(copy)).set_data_crc32c(i64::from(checksum))
}

/// The payload in the answer to `access`, its checksum verified, and the number of its version.
///
/// # Errors
/// What is wrong with the answer.
pub(super) fn from_answer(answer: AccessSecretVersionResponse) -> Result<(i64, Payload), &'static str> {
    let SecretPayload { data, data_crc32c, .. } = answer.payload.ok_or("the answer has no payload")?;
    // The client's buffer itself, not a copy: nobody else holds it, and it is wiped with the payload.
    let arrived = Payload::new(Vec::from(data));
    // The client does not look at it.
    if data_crc32c != Some(i64::from(crc32c::crc32c(arrived.expose()))) {
        return Err("the payload does not match its checksum");
    }
    Ok((number(&answer.name).ok_or("the version has no number")?, arrived))
}

/// The number at the end of a version's name.
pub(super) fn number(name: &str) -> Option<i64> {
    name.rsplit_once("/versions/")?.1.parse().ok()
}

/// Whether a text of the server's repeats the payload; Google's own errors quote fields that they cannot read.
pub(super) fn is_repeated_in(payload: &Payload, text: &str) -> bool {
    let bytes = payload.expose();
    let encoded = Zeroizing::new(STANDARD.encode(bytes));
    let holds =
        |needle: &[u8]| !needle.is_empty() && text.as_bytes().windows(needle.len()).any(|window| window == needle);
    holds(bytes) || holds(encoded.trim_end_matches('=').as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(payload: serde_json::Value) -> AccessSecretVersionResponse {
        let answer = json!({"name": "projects/1/secrets/s/versions/12", "payload": payload});
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn the_payload_is_sent_as_the_documented_json() {
        // The checksum of the RFC 3720 test vector "123456789".
        let sent = serde_json::to_value(checked(&Payload::new(b"123456789".to_vec()))).unwrap();
        assert_eq!(sent, json!({"data": "MTIzNDU2Nzg5", "dataCrc32c": "3808858755"}));
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        for bytes in [&b""[..], b"a", b"pa\0ss", &[0xff; 4096]] {
            let sent = serde_json::to_value(checked(&Payload::new(bytes.to_vec()))).unwrap();
            let (number, read) = from_answer(answer(sent)).unwrap();
            assert_eq!((number, read.expose()), (12, bytes));
        }
    }

    #[test]
    fn the_buffer_of_the_answer_is_taken_over() {
        let payload = answer(json!({"data": "MTIzNDU2Nzg5", "dataCrc32c": "3808858755"}));
        let before = payload.payload.as_ref().unwrap().data.as_ptr();
        assert_eq!(from_answer(payload).unwrap().1.expose().as_ptr(), before);
    }

    #[test]
    fn a_payload_without_its_checksum_is_refused() {
        for wrong in [
            json!({"data": "YQ==", "dataCrc32c": "1"}),
            json!({"data": "YQ==", "dataCrc32c": null}),
            json!({"data": "YQ=="}),
            json!({"dataCrc32c": "1"}),
            json!(null),
        ] {
            assert!(from_answer(answer(wrong.clone())).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_repeated_payload_is_noticed_raw_and_encoded() {
        let payload = Payload::new(b"hunter2".to_vec());
        assert!(is_repeated_in(&payload, "cannot take hunter2"));
        assert!(is_repeated_in(&payload, "Base64 decoding failed for \"aHVudGVyMg==\""));
        assert!(!is_repeated_in(&payload, "Permission denied."));
        assert!(!is_repeated_in(&Payload::new(Vec::new()), "Permission denied."));
    }
}
