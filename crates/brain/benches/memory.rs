//! What ten thousand cars in one process cost: resident memory and open files for each.
//!
//! `cargo bench -p brain --bench memory -- CARS` prints one line. The cars have a profile, a campaign
//! and grants, have heard every frame of their bus once and have queued some batches; none connects,
//! since a connection's memory is the TLS library's.

use std::{
    fs,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use brain::{
    Brain, Config, Shared, TlsConnect, clock,
    provider::{ChannelSender, Input, What, channel},
};
use bus::profile::Profile;
use campaigns::{Campaign, Group, How, UploadLimits};
use consent::{Grant, Grants, Jurisdiction};
use model::{
    CampaignId, CampaignVersion, ConsentEpoch, DataCategory, Lane, Micros, Purpose, Timestamp, VehicleId,
};
use signals::Value;
use wire::{ConsentDocument, Envelope, Kind, SigningKey, VerifyingKeys};

/// How long the cars drive: several live batches and one in bulk.
const DRIVE: Duration = Duration::from_secs(12);

fn main() {
    let cars = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_u64);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(run(cars));
}

async fn run(cars: u64) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let profile = Profile::builtin("psa-aee2010").expect("the profile ships with bus");
    let shared = Arc::new(Shared::default());
    let key = signing_key();
    let before = (resident_bytes(), open_files());
    let mut sources = Vec::new();
    for number in 0..cars {
        sources.push(start(number, folder.path(), &profile, &shared, &key));
    }
    drive(&profile, &sources).await;
    let after = (resident_bytes(), open_files());
    let per_car = |before: u64, after: u64| after.saturating_sub(before) as f64 / cars as f64;
    writeln!(
        std::io::stdout(),
        "cars={cars} rss_bytes_per_car={:.0} files_per_car={:.2} {}",
        per_car(before.0, after.0),
        per_car(before.1, after.1),
        shared.stats.snapshot(),
    )
    .expect("standard output can be written");
    // The tasks end with the process; their folders go with the temporary one.
    drop(sources);
}

fn start(
    number: u64,
    folder: &Path,
    profile: &Arc<Profile>,
    shared: &Arc<Shared>,
    key: &SigningKey,
) -> ChannelSender {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    id[8..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let vehicle = VehicleId::from_bytes(id);
    let dir = folder.join(vehicle.to_string());
    fs::create_dir(&dir).expect("a folder can be made");
    let documents = [
        (Kind::Campaigns, wire::encode_campaigns(&[campaign(profile)])),
        (Kind::Consent, wire::encode_consent(&consent())),
    ];
    for (kind, payload) in documents {
        let (not_before, expires) = (Timestamp(0), Timestamp(i64::MAX));
        let envelope = Envelope { kind, vehicle, version: 1, not_before, expires, payload };
        let signed = key.sign(&envelope).expect("the documents are small");
        fs::write(dir.join(format!("desired-{kind}")), signed).expect("a file can be written");
    }
    let mut config = Config::new(vehicle, dir, Arc::clone(profile.catalogue()));
    config.keys = Arc::new(VerifyingKeys::new([*key.public_key()]));
    config.shared = Arc::clone(shared);
    config.queue.sync_each = false;
    let (source, provider) = channel(4);
    let config = config.with_profile(Arc::clone(profile));
    let brain = Brain::open(config, None::<TlsConnect>, provider).expect("the car's folder can be opened");
    tokio::spawn(brain.run(std::future::pending()));
    source
}

/// Every car hears each frame of its bus once a second.
async fn drive(profile: &Arc<Profile>, sources: &[ChannelSender]) {
    let mut units = profile.encoder();
    for (signal, _) in profile.signals() {
        units.set(signal, Some(Value::Float(1.0)));
    }
    #[expect(clippy::disallowed_methods, reason = "a bench measures by the clock")]
    let end = Instant::now() + DRIVE;
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    while tokio::time::Instant::now().into_std() < end {
        ticks.tick().await;
        let mut frames = Vec::new();
        let time = clock::system();
        units.poll(time, Micros::SECOND, &mut |frame| frames.push(frame));
        for source in sources {
            for frame in &frames {
                let input = Input { time, what: What::Bus(frame.clone()) };
                source.inputs.send(input).await.expect("the car runs");
            }
        }
    }
}

fn campaign(profile: &Profile) -> Campaign {
    let signals = |count| profile.signals().take(count).map(|(signal, _)| signal).collect();
    let group = |count, lane, flush| Group {
        signals: signals(count),
        lane,
        how: How::Every(Micros::SECOND),
        flush_every: Micros::from_secs(flush),
    };
    Campaign {
        id: CampaignId(1),
        version: CampaignVersion(1),
        name: "memory".to_owned(),
        purpose: Purpose::FleetManagement,
        groups: vec![group(10, Lane::Live, 1), group(25, Lane::Bulk, 10)],
        limits: UploadLimits::default(),
    }
}

fn consent() -> ConsentDocument {
    let grants = DataCategory::ALL.map(|category| Grant {
        purpose: Purpose::FleetManagement,
        category,
        granted: true,
        at: Timestamp(0),
    });
    ConsentDocument {
        grants: Grants::new(ConsentEpoch(1), grants),
        jurisdiction: Jurisdiction::Eu,
        ..ConsentDocument::default()
    }
}

fn signing_key() -> SigningKey {
    // PKCS#8 of an Ed25519 key (RFC 8410).
    let mut pkcs8 = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    pkcs8.extend([1; 32]);
    SigningKey::from_pkcs8(&pkcs8).expect("the key is well formed")
}

fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}

fn open_files() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64)
}
