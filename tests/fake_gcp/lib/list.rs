//! Lists in pages: `pageSize`, `pageToken`, `filter`, `totalSize`.

use serde_json::{Value, json};

use super::call::Call;
use super::error::{Answer, ApiError};
use super::filter::Filter;
use super::shape::{decode_base64, encode_base64};

/// The page size when none is asked for, and the largest, of Secret Manager's lists.
const MOST: i64 = 25_000;

/// One page of `items` as Secret Manager answers it, under `field`.
pub fn secret_manager(call: &Call, field: &str, items: Vec<Value>) -> Answer {
    call.only_query(&["pageSize", "pageToken", "filter"])?;
    let filter = Filter::parse(call.query("filter").unwrap_or_default())?;
    let filtered: Vec<Value> = items
        .into_iter()
        .filter(|item| filter.matches(item))
        .collect();
    let total = filtered.len();
    let mut answer = page(call, field, filtered)?;
    // "0 when the filter field is set", and zero is left out of proto3 JSON.
    if filter.is_empty() && total > 0 {
        answer["totalSize"] = json!(total);
    }
    Ok(answer)
}

/// One page of `items`, which come in the order of the list, under `field`; what is empty is left out.
pub fn page(call: &Call, field: &str, items: Vec<Value>) -> Answer {
    let total = items.len();
    let (start, end) = bounds(call, total)?;
    let mut answer = json!({});
    let page: Vec<Value> = items.into_iter().take(end).skip(start).collect();
    if !page.is_empty() {
        answer[field] = json!(page);
    }
    if end < total {
        answer["nextPageToken"] = json!(token(end));
    }
    Ok(answer)
}

fn bounds(call: &Call, total: usize) -> Result<(usize, usize), ApiError> {
    let size = match call.query_int("pageSize")? {
        size if size < 0 => return Err(ApiError::invalid("page_size must be non-negative.")),
        0 => MOST,
        size => size.min(MOST),
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let start = match call.query("pageToken").unwrap_or_default() {
        "" => 0,
        given => read_token(given)
            .ok_or_else(|| ApiError::invalid("The provided page token is invalid."))?,
    };
    Ok((start, start.saturating_add(size).min(total)))
}

fn token(start: usize) -> String {
    encode_base64(format!("start={start}").as_bytes())
}

fn read_token(token: &str) -> Option<usize> {
    let text = String::from_utf8(decode_base64(token)?).ok()?;
    text.strip_prefix("start=")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::call::tests::call;
    use super::*;

    fn items() -> Vec<Value> {
        (1..=5)
            .map(|n| json!({"name": format!("versions/{n}")}))
            .collect()
    }

    #[test]
    fn pages_join_up_to_the_whole() {
        let first =
            secret_manager(&call("GET", "/v1/x?pageSize=3", ""), "versions", items()).unwrap();
        assert_eq!(first["versions"].as_array().unwrap().len(), 3);
        assert_eq!(first["totalSize"], 5);
        let next = first["nextPageToken"].as_str().unwrap();
        let uri = format!("/v1/x?pageSize=3&pageToken={}", next.replace('=', "%3D"));
        let second = secret_manager(&call("GET", &uri, ""), "versions", items()).unwrap();
        assert_eq!(second["versions"][0]["name"], "versions/4");
        assert_eq!(second.get("nextPageToken"), None);
    }

    #[test]
    fn bad_pages_are_refused_and_empty_lists_are_empty_objects() {
        assert!(
            secret_manager(&call("GET", "/v1/x?pageToken=zzz", ""), "versions", items()).is_err()
        );
        assert!(
            secret_manager(&call("GET", "/v1/x?pageSize=-1", ""), "versions", items()).is_err()
        );
        assert_eq!(
            secret_manager(&call("GET", "/v1/x", ""), "versions", vec![]),
            Ok(json!({}))
        );
    }
}
