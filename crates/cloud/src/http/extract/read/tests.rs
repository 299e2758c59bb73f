use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    documents::CampaignDocument,
    http::{history::types::HistoryQuery, vehicles::types::VehiclesQuery},
};

fn campaign() -> Value {
    json!({
        "name": "x", "purpose": "fleet-management", "samples_per_minute_max": null,
        "groups": [{
            "signals": ["Vehicle.Speed"], "lane": "live", "flush_every_ms": 1000,
            "on_change": { "min_interval_ms": 1, "min_delta": 2 }
        }]
    })
}

#[track_caller]
fn misfit_of<T: std::fmt::Debug>(read: Result<T, Unread>) -> PlaceError {
    match read {
        Err(Unread::Misfit(misfit)) => misfit,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn misfit(text: &str) -> PlaceError {
    misfit_of(body::<CampaignDocument>(text.as_bytes()))
}

#[test]
fn a_body_is_read_as_serde_json_reads_it() {
    let value = campaign();
    let expected: CampaignDocument = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(body::<CampaignDocument>(value.to_string().as_bytes()), Ok(expected));
    let escaped = value.to_string().replace("\"x\"", "\"\\u0061\\n\"");
    assert_eq!(body::<CampaignDocument>(escaped.as_bytes()).unwrap().name, "a\n");
}

#[test]
fn what_is_no_json_is_named_with_its_line_and_column() {
    for text in [
        "",
        "{",
        "{\"name\": }",
        "{\"groups\": [{\n \"lane\": li",
        "{\"groups\": [,]}",
        "{\"name\": \"\\q\"}",
    ] {
        let error = serde_json::from_str::<Value>(text).unwrap_err();
        let syntax = Unread::Syntax { line: error.line(), column: error.column() };
        assert_eq!(body::<CampaignDocument>(text.as_bytes()), Err(syntax), "{text}");
    }
    let twice = format!("{}\n7", campaign());
    assert_eq!(body::<CampaignDocument>(twice.as_bytes()), Err(Unread::Syntax { line: 2, column: 1 }));
}

#[test]
fn a_field_that_stands_twice_is_named() {
    let twice = misfit(r#"{ "name": "x", "name": "y" }"#);
    assert_eq!((twice.place.as_str(), twice.detail.as_str()), ("name", "must be given once"));
    let deep = campaign().to_string().replace("\"lane\":", "\"lane\":\"live\",\"lane\":");
    assert_eq!(misfit(&deep).place, "groups[0].lane");
}

#[test]
fn nothing_is_read_behind_what_does_not_fit() {
    assert_eq!(misfit("[0, 0, 0, and so on").detail, "must be an object");
    assert_eq!(misfit("{ \"groups\": [0, 0, and so on").place, "groups[0]");
}

#[test]
fn what_does_not_fit_a_body_is_named_with_its_place() {
    let check = |pointer: &str, wrong: Value, place: &str, detail: &str| {
        let mut value = campaign();
        *value.pointer_mut(pointer).unwrap() = wrong;
        let misfit = misfit(&value.to_string());
        assert_eq!(misfit.place, place);
        assert!(misfit.detail.contains(detail), "{place}: {}", misfit.detail);
    };
    check("", json!([]), "", "must be an object");
    check("", json!({}), "name", "must be given");
    check("/name", json!(7), "name", "must be text");
    check("/groups", json!({}), "groups", "must be a list");
    check("/groups/0", json!(true), "groups[0]", "must be an object");
    check("/groups/0/signals/0", json!(null), "groups[0].signals[0]", "must be text");
    check("/groups/0/lane", json!("fast"), "groups[0].lane", "alert, live, bulk");
    check("/groups/0/flush_every_ms", json!(-1), "groups[0].flush_every_ms", "from 0 to 4294967295");
    check("/groups/0/flush_every_ms", json!(0.5), "groups[0].flush_every_ms", "must be a whole number");
    check("/groups/0/on_change/min_delta", json!("1"), "groups[0].on_change.min_delta", "must be a number");
    check(
        "/groups/0/on_change",
        json!({ "max": 1 }),
        "groups[0].on_change.max",
        "there are `min_interval_ms`",
    );
    check("/purpose", json!("fun"), "purpose", "fleet-management");
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| pair.split_once('=').map(|(name, text)| (name.to_owned(), text.to_owned()));
    text.split('&').filter_map(pair).collect()
}

#[test]
fn what_does_not_fit_a_query_is_named_with_its_parameter() {
    let check = |text: &str, place: &str, detail: &str| {
        let misfit = misfit_of(query::<VehiclesQuery>(&pairs(text)));
        assert_eq!(misfit.place, place);
        assert!(misfit.detail.contains(detail), "{text}: {}", misfit.detail);
    };
    check("limit=-1", "limit", "must be a whole number from 0 to 4294967295");
    check("limit=many", "limit", "must be a whole number");
    check("state=flying", "state", "must be one of `moving`, `parked`");
    check("brand=ford", "brand", "peugeot");
    check("colour=red", "colour", "there are `brand`");
    check("limit=1&limit=2", "limit", "must be given once");
    let empty = query::<VehiclesQuery>(&pairs("cursor=&limit=5")).unwrap();
    assert_eq!((empty.cursor, empty.limit), (None, Some(5)));
    let missing = misfit_of(query::<HistoryQuery>(&pairs("signals=")));
    assert_eq!((missing.place.as_str(), missing.detail.as_str()), ("signals", "must be given"));
}

#[test]
fn what_does_not_fit_a_path_is_named_with_its_parameter() {
    assert_eq!(parameter("campaign_id", "7"), Ok(7_u64));
    let misfit = misfit_of(parameter::<u64>("campaign_id", "abc"));
    assert_eq!(misfit.place, "campaign_id");
    assert!(misfit.detail.starts_with("must be a whole number"), "{}", misfit.detail);
}

/// A body as somebody may have written it, with some of its bytes changed, and perhaps cut short.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\n", " ", "0", "-", "1e9", ".5", "true", "null",
        "\"lane\"", "é", "\u{1}",
    ];
    let word = prop_oneof![
        9 => prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    let change = (any::<prop::sample::Index>(), 0..4_usize, word);
    let changes = prop::collection::vec(change, 0..4);
    (any::<bool>(), changes, prop::option::weighted(0.2, any::<prop::sample::Index>())).prop_map(
        |(pretty, changes, cut)| {
            let value = campaign();
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            let mut bytes = text.into_bytes();
            for (at, removed, word) in changes {
                let at = at.index(bytes.len());
                let end = (at + removed).min(bytes.len());
                bytes.splice(at..end, word);
            }
            bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len() + 1)));
            bytes
        },
    )
}

/// The two forms that serde reads and the API does not: a struct as a list, and a word as an object.
fn is_stricter(misfit: &PlaceError) -> bool {
    misfit.detail == "must be an object" || misfit.detail.starts_with("must be one of")
}

fn check_as_serde_json<T: for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match (body::<T>(bytes), serde_json::from_slice::<T>(bytes)) {
        (Ok(read), Ok(expected)) => assert_eq!(read, expected, "{text}"),
        (Err(Unread::Misfit(misfit)), Ok(_)) => assert!(is_stricter(&misfit), "{text}: {misfit:?}"),
        (Err(Unread::Misfit(misfit)), Err(error)) => {
            assert!(error.is_data() || is_stricter(&misfit), "{text}: {misfit:?}, not {error}");
        }
        (Err(Unread::Syntax { line, column }), Err(error)) => {
            // What does not fit is read to its end first.
            let same = (line, column) == (error.line(), error.column());
            assert!(error.is_data() || same, "{text}: {line}, {column}, not {error}");
        }
        (read @ Ok(_), expected @ Err(_)) | (read @ Err(Unread::Syntax { .. }), expected @ Ok(_)) => {
            panic!("{text}: {read:?}, not {expected:?}")
        }
    }
}

proptest! {
    #[test]
    fn any_body_is_read_as_serde_json_reads_it(bytes in any_body()) {
        check_as_serde_json::<CampaignDocument>(&bytes);
        check_as_serde_json::<Value>(&bytes);
    }
}
