use axum::{body::Body, http::StatusCode, routing::get};
use hyper::client::conn::http2;
use tokio::io::AsyncReadExt;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_loses_its_place() {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), None).unwrap();
    let address = server.address();
    let stopping = CancellationToken::new();
    let serving = tokio::spawn(server.run(Router::new(), stopping.clone()));
    let mut silent = TcpStream::connect(address).await.unwrap();
    // The clock is the test's: it goes on when nothing else can.
    let began = tokio::time::Instant::now();
    assert_eq!(silent.read(&mut [0; 16]).await.unwrap(), 0, "somebody answered");
    assert!(began.elapsed() >= PATIENCE && began.elapsed() < 3 * PATIENCE);
    stopping.cancel();
    serving.await.unwrap();
}

#[test]
fn an_address_takes_only_its_share_of_the_connections() {
    let peers = Peers::default();
    let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    let mut taken: Vec<_> = std::iter::from_fn(|| peers.take(one)).collect();
    assert_eq!(taken.len(), CONNECTIONS_PER_PEER_MAX);
    assert!(peers.take(other).is_some());
    taken.pop();
    assert!(peers.take(one).is_some());
    drop(taken);
    assert!(peers.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_browser_with_many_cookies_is_answered() {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), None).unwrap();
    let address = server.address();
    let stopping = CancellationToken::new();
    let router = Router::new().route("/", get(async || StatusCode::NO_CONTENT));
    let serving = tokio::spawn(server.run(router, stopping.clone()));
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut asks, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let connected = tokio::spawn(connection);
    let cookie = format!("marque_sign_in_00000000={}", "x".repeat(3_900));
    let mut request = Request::get(format!("http://{address}/"));
    for _ in 0..10 {
        request = request.header("cookie", &cookie);
    }
    let answer = asks.send_request(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    drop(asks);
    stopping.cancel();
    serving.await.unwrap();
    connected.await.unwrap().unwrap();
}
