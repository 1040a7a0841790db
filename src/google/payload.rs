//! Payloads on their way: with a checksum, in buffers that are wiped as far as they are ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use google_cloud_secretmanager_v1::model::{AccessSecretVersionResponse, SecretPayload};
use zeroize::Zeroizing;

use crate::model::Payload;

/// The body of `addVersion`, in a buffer that is wiped when the client drops it: made in one piece, so that growing leaves no
/// copies behind.
/// <https://cloud.google.com/secret-manager/docs/data-integrity>
pub(super) fn body(payload: &Payload) -> Bytes {
    let data = Zeroizing::new(STANDARD.encode(payload.expose()));
    let checksum = crc32c::crc32c(payload.expose());
    let end = format!("\",\"dataCrc32c\":\"{checksum}\"}}}}");
    let pieces = ["{\"payload\":{\"data\":\"", data.as_str(), end.as_str()];
    let mut body = Zeroizing::new(Vec::with_capacity(
        pieces.iter().map(|piece| piece.len()).sum(),
    ));
    pieces
        .iter()
        .for_each(|piece| body.extend_from_slice(piece.as_bytes()));
    Bytes::from_owner(body)
}

/// The payload in the answer to `access`, its checksum verified, and the number of its version.
///
/// # Errors
/// What is wrong with the answer.
pub(super) fn from_answer(
    answer: AccessSecretVersionResponse,
) -> Result<(i64, Payload), &'static str> {
    let SecretPayload {
        data, data_crc32c, ..
    } = answer.payload.ok_or("the answer has no payload")?;
    // The client's buffer itself, not a copy: there is no other reference, and it is wiped with the payload.
    let arrived = Payload::new(Vec::from(data));
    // The client does not look at it.
    if data_crc32c != Some(i64::from(crc32c::crc32c(arrived.expose()))) {
        return Err("the payload does not match its checksum");
    }
    Ok((
        number(&answer.name).ok_or("the version has no number")?,
        arrived,
    ))
}

/// The number at the end of a version's name.
pub(super) fn number(name: &str) -> Option<i64> {
    name.rsplit_once("/versions/")?.1.parse().ok()
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
        let sent = body(&Payload::new(b"123456789".to_vec()));
        assert_eq!(
            sent,
            r#"{"payload":{"data":"MTIzNDU2Nzg5","dataCrc32c":"3808858755"}}"#
        );
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        for bytes in [&b""[..], b"a", b"pa\0ss", &[0xff; 4096]] {
            let mut sent: serde_json::Value =
                serde_json::from_slice(&body(&Payload::new(bytes.to_vec()))).unwrap();
            let (number, read) = from_answer(answer(sent["payload"].take())).unwrap();
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
}
