//! Threat: somebody between a client and the platform makes them speak a version of TLS that is weaker. Every
//! listener speaks 1.3 alone; the API speaks 1.2 where its option says so.

use std::{net::SocketAddr, sync::Arc};

use rustls::{
    ClientConfig, SupportedProtocolVersion,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::cell::{Cell, Identity};

/// The version that both agree on, if they do. EST and the API ask for no certificate.
async fn agreed(
    cell: &Cell,
    address: SocketAddr,
    identity: Option<&Identity>,
    version: &'static SupportedProtocolVersion,
) -> bool {
    let roots = link::tls::roots(&link::tls::certificates(cell.ca.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let identity =
                link::tls::Identity::from_pem(certificate.as_bytes(), key.serialize_pem().as_bytes());
            let identity = identity.unwrap();
            builder.with_client_auth_cert(identity.chain, identity.key).unwrap()
        }
    };
    if identity.is_some() {
        config.alpn_protocols = vec![link::tls::ALPN.to_vec()];
    }
    let address = SocketAddr::new([127, 0, 0, 1].into(), address.port());
    let tcp = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    stream.is_ok_and(|stream| stream.get_ref().1.protocol_version() == Some(version.version))
}

async fn check(with_tls12: bool) {
    // Only beyond loopback does the API speak TLS itself.
    let cell = Cell::with(|options| {
        options.http = "0.0.0.0:0".parse().unwrap();
        options.http_tls12 = with_tls12;
    })
    .await;
    let (_, identity) = cell.enrolled(1).await;
    let platform = &cell.platform;
    let (http, mqtt, est) = (platform.http_address(), platform.mqtt_address(), platform.est_address());
    for (address, identity) in [(http, None), (mqtt, Some(&identity)), (est, None)] {
        assert!(agreed(&cell, address, identity, &TLS13).await, "{address}");
        let speaks_tls12 = agreed(&cell, address, identity, &TLS12).await;
        assert_eq!(speaks_tls12, with_tls12 && address == http, "{address}");
    }
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_listener_speaks_tls_1_2() {
    check(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_option_lets_tls_1_2_into_the_api_alone() {
    check(true).await;
}
