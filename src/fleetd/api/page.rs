//! Lists in pages. A token names the last entry of the page before, so that entries that come or
//! go meanwhile neither repeat nor hide others.

use super::answer::ApiError;

/// One page of entries that come sorted by key.
pub struct Page<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// The token of the next page, if there is one.
    pub next: Option<String>,
}

/// Where a page starts: after this key.
pub fn start(token: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    let bytes = hex::decode(token).ok();
    let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|key| !key.is_empty());
    key.map(Some).ok_or_else(|| {
        ApiError::bad_request(
            "nextPageToken is not one that this API gave out; list from the start",
        )
    })
}

/// The page after `start`. `key` names an entry; entries come in its order.
pub fn page<T>(
    entries: impl Iterator<Item = T>,
    start: Option<&str>,
    limit: usize,
    key: impl Fn(&T) -> String,
) -> Page<T> {
    let mut rest = entries.skip_while(|entry| start.is_some_and(|start| *key(entry) <= *start));
    let entries: Vec<T> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    let next = entries.last().filter(|_| more).map(|last| hex::encode(key(last)));
    Page { entries, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(all: &[&str], limit: usize) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let mut token = None;
        loop {
            let from = start(token.as_deref()).unwrap();
            let all = all.iter().map(|entry| entry.to_string());
            let Page { entries, next } = page(all, from.as_deref(), limit, String::clone);
            pages.push(entries);
            token = next;
            if token.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn pages_hold_every_entry_once_and_the_last_has_no_token() {
        assert_eq!(walk(&[], 2), [Vec::<String>::new()]);
        assert_eq!(walk(&["a", "b"], 2), [["a", "b"]]);
        assert_eq!(walk(&["a", "b", "c"], 2), [vec!["a", "b"], vec!["c"]]);
    }

    #[test]
    fn a_token_of_elsewhere_is_refused() {
        for token in ["zz", "ff", "6"] {
            assert!(start(Some(token)).is_err(), "{token}");
        }
    }
}
