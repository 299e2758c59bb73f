use super::*;
use crate::http::audit::actions::PUBLIC;

fn answer(length: usize) -> Response {
    Response::new(Body::from(vec![7; length]))
}

#[tokio::test]
async fn a_place_is_held_until_the_answer_is_read() {
    let places = Places::new();
    let place = places.take(Class::Open).unwrap();
    let response = hold(place, answer(3 * PIECE_LEN_MAX + 1));
    assert_eq!(places.open.available_permits(), OPEN_MAX - 1);
    assert_eq!(response.headers()[header::CONTENT_LENGTH], (3 * PIECE_LEN_MAX + 1).to_string());
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert_eq!(body.len(), 3 * PIECE_LEN_MAX + 1);
    assert_eq!(places.open.available_permits(), OPEN_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stands_still_loses_its_answer() {
    let places = Places::new();
    let place = places.take(Class::SignedIn).unwrap();
    let mut body = hold(place, answer(3 * PIECE_LEN_MAX)).into_body().into_data_stream();
    assert_eq!(body.next().await.unwrap().unwrap().len(), PIECE_LEN_MAX);
    // The clock is the test's: it goes on when nothing else can.
    tokio::time::sleep(READ_TIME_MAX + Duration::from_secs(1)).await;
    assert_eq!(places.signed_in.available_permits(), SIGNED_IN_MAX);
    assert!(body.next().await.unwrap().is_err());
}

#[test]
fn strangers_and_health_take_no_place_of_people_who_signed_in() {
    let check = |method: Method, route: Option<&str>, class: Class| {
        assert_eq!(Class::of(&method, route), class, "{method} {route:?}");
    };
    check(Method::GET, Some("/livez"), Class::Health);
    check(Method::GET, Some("/readyz"), Class::Health);
    check(Method::POST, Some("/v1/session"), Class::Open);
    check(Method::GET, Some("/v1/session"), Class::SignedIn);
    check(Method::GET, None, Class::Open);
    for (route, _) in PUBLIC {
        let (method, path) = route.split_once(' ').unwrap();
        let class = Class::of(&method.parse().unwrap(), Some(path));
        assert_ne!(class, Class::SignedIn, "{route}");
    }
    check(Method::GET, Some("/v1/vehicles"), Class::SignedIn);
    let places = Places::new();
    let taken: Vec<_> = std::iter::from_fn(|| places.take(Class::Open)).collect();
    assert_eq!(taken.len(), OPEN_MAX);
    assert!(places.take(Class::SignedIn).is_some() && places.take(Class::Health).is_some());
}
