//! The real drive: a minute of a Toyota RAV4 of 2017 (comma2k19), every signal whenever it changes.

use std::{fs::File, io::BufReader, path::Path, sync::Arc};

use anyhow::{Context as _, ensure};
use bus::{dbc, log::LogReader, profile::Profile};
use campaigns::{Campaign, Collector, Group, How, Permissions, Plan, UploadLimits};
use model::{CampaignId, CampaignVersion, ConsentEpoch, Lane, Micros, Purpose, Timestamp};
use wire::Encoder;

use super::{feed::Car, traffic};

/// Batches of ten seconds with all that the drive's frames say.
pub(super) fn batches(inputs: &Path) -> anyhow::Result<Car> {
    let database = inputs.join("dbc/toyota_new_mc_pt_generated.dbc");
    let database = std::fs::read(&database).with_context(|| format!("read {}", database.display()))?;
    let database = dbc::read(&database).context("read the DBC file")?.database;
    let profile = Profile::builtin_external("toyota-rav4-2017", &database).context("map the DBC file")?;
    let catalogue = Arc::clone(profile.catalogue());
    let campaign = Campaign {
        id: CampaignId(1),
        version: CampaignVersion(1),
        name: "drive".to_owned(),
        purpose: Purpose::ProductImprovement,
        groups: vec![Group {
            signals: profile.signals().map(|(signal, _)| signal).collect(),
            lane: Lane::Bulk,
            how: How::OnChange { min_interval: Micros::ZERO, min_delta: 0.0 },
            flush_every: Micros::from_secs(10),
        }],
        limits: UploadLimits::default(),
    };
    let (plan, refused) = Plan::new(vec![campaign], &catalogue);
    ensure!(refused.is_empty(), "the campaign does not fit: {refused:?}");
    let mut collector = Collector::new(Arc::new(plan), Micros::ZERO);
    collector.set_permissions(Permissions::ask(ConsentEpoch(1), |_, _| true));
    let mut decoder = profile.decoder();
    let log = inputs.join("comma2k19/rav4_2017_40.candump.log");
    let log = File::open(&log).with_context(|| format!("open {}", log.display()))?;
    let (mut ready, mut now) = (Vec::new(), Timestamp(0));
    for frame in LogReader::new(BufReader::new(log)) {
        let frame = frame.context("read the drive")?;
        now = frame.time;
        decoder.handle_frame(&frame, &mut |sample| collector.handle_reading(now, &sample));
        ready.extend(collector.poll(now));
    }
    let end = now + Micros::from_secs(2);
    collector.flush_all(end);
    ready.extend(std::iter::from_fn(|| collector.poll(end)));
    let mut encoder = Encoder::default();
    let mut car = Car::new(0);
    for (seq, batch) in (0..).zip(&ready) {
        let payload = encoder.encode(&traffic::meta(batch, seq), &batch.groups, &catalogue)?;
        car.add(batch, payload);
    }
    Ok(car)
}
