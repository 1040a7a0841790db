//! Payloads on the wire: base64 in JSON, with a checksum, in buffers that are wiped.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use super::wire::Int64;
use crate::model::Payload;

const BEFORE: &str = r#"{"payload":{"data":""#;
const BETWEEN: &str = r#"","dataCrc32c":""#;
const AFTER: &str = r#""}}"#;

/// The body of `addVersion`. Written by hand into one buffer that is wiped when the last copy of the handle goes: a
/// serialiser would leave the payload in buffers it outgrew.
pub(super) fn body(payload: &Payload) -> Bytes {
    let bytes = payload.expose();
    let checksum = crc32c::crc32c(bytes).to_string();
    let encoded = base64::encoded_len(bytes.len(), true).expect("payloads are small");
    let mut body =
        Zeroizing::new(Vec::with_capacity(BEFORE.len() + encoded + BETWEEN.len() + checksum.len() + AFTER.len()));
    body.extend_from_slice(BEFORE.as_bytes());
    body.resize(BEFORE.len() + encoded, 0);
    STANDARD.encode_slice(bytes, &mut body[BEFORE.len()..]).expect("the room it asked for");
    for part in [BETWEEN, &checksum, AFTER] {
        body.extend_from_slice(part.as_bytes());
    }
    Bytes::from_owner(body)
}

#[derive(Deserialize)]
struct Answer<'a> {
    name: String,
    #[serde(borrow)]
    payload: Data<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    // Borrowed from the answer, which is wiped; owned only where the JSON has escapes in it.
    #[serde(borrow)]
    data: Cow<'a, str>,
    data_crc32c: Int64,
}

impl Drop for Data<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.data {
            text.zeroize();
        }
    }
}

/// The payload in the answer to `access`, its checksum verified, and the number of its version.
///
/// # Errors
/// What is wrong with the answer.
pub(super) fn from_answer(answer: &[u8]) -> Result<(i64, Payload), &'static str> {
    const FORM: &str = "the answer does not have the documented form";
    let Answer { name, payload } = serde_json::from_slice(answer).map_err(|_| FORM)?;
    let mut bytes = Vec::with_capacity(base64::decoded_len_estimate(payload.data.len()));
    let decoded = STANDARD.decode_vec(payload.data.as_bytes(), &mut bytes);
    let arrived = Payload::new(bytes);
    decoded.map_err(|_| FORM)?;
    // <https://cloud.google.com/secret-manager/docs/data-integrity>
    if Int64(crc32c::crc32c(arrived.expose()).into()) != payload.data_crc32c {
        return Err("the payload does not match its checksum");
    }
    Ok((number(&name).ok_or(FORM)?, arrived))
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

    fn answer(data: &str, checksum: &str) -> Vec<u8> {
        let name = "projects/1/secrets/s/versions/3";
        format!(r#"{{"name":"{name}","payload":{{"data":"{data}","dataCrc32c":{checksum}}}}}"#).into()
    }

    #[test]
    fn the_body_is_the_documented_json() {
        // The checksum of the RFC 3720 test vector "123456789".
        let body = body(&Payload::new(b"123456789".to_vec()));
        assert_eq!(&body[..], br#"{"payload":{"data":"MTIzNDU2Nzg5","dataCrc32c":"3808858755"}}"#);
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        for bytes in [&b""[..], b"a", b"pa\0ss", &[0xff; 4096]] {
            let sent = body(&Payload::new(bytes.to_vec()));
            let sent = std::str::from_utf8(&sent).unwrap();
            let answer = sent.replacen('{', r#"{"name":"projects/1/secrets/s/versions/12","#, 1);
            let (number, read) = from_answer(answer.as_bytes()).unwrap();
            assert_eq!((number, read.expose()), (12, bytes));
        }
    }

    #[test]
    fn escapes_in_the_json_are_undone() {
        let (_, read) = from_answer(&answer("YQ\\u003d\\u003d", &crc32c::crc32c(b"a").to_string())).unwrap();
        assert_eq!(read.expose(), b"a");
    }

    #[test]
    fn a_payload_without_its_checksum_is_refused() {
        for (data, checksum) in [("YQ==", "\"1\""), ("YQ==", "\"\""), ("YQ==", "null"), ("%%", "\"1\"")] {
            assert!(from_answer(&answer(data, checksum)).is_err(), "{data} {checksum}");
        }
        assert!(from_answer(br#"{"name":"projects/1/secrets/s/versions/3","payload":{"data":"YQ=="}}"#).is_err());
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
