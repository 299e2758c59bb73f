//! Decoding speed: at least 10 million signals a second on one core.
//!
//! `cargo bench -p bus` with the real inputs in `../shared/data`; without them nothing is measured.

use std::path::PathBuf;

use bus::{CanFrame, CanId, Database, dbc, log::LogReader};
use divan::{Bencher, black_box, counter::ItemsCount};

fn main() {
    divan::main();
}

/// Every message of the PSA AEE2010 database in turn, with changing payloads.
#[divan::bench]
fn psa_aee2010(bencher: Bencher<'_, '_>) {
    let Some(database) = database("dbc/psa_aee2010_r3.dbc") else { return };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let frame = |id: CanId, len: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        CanFrame::new(id, &state.to_le_bytes()[..len]).expect("a payload of at most 8 bytes is a frame")
    };
    let layouts = database.messages().iter().map(|message| (message.id(), message.payload_len().min(8)));
    let frames: Vec<_> =
        layouts.cycle().take(10_800).scan(frame, |frame, (id, len)| Some(frame(id, len))).collect();
    measure(bencher, &database, &frames);
}

/// The frames of a real minute of driving that the database knows.
#[divan::bench]
fn rav4_log(bencher: Bencher<'_, '_>) {
    let Some(database) = database("dbc/toyota_new_mc_pt_generated.dbc") else { return };
    let Some(log) = read("comma2k19/rav4_2017_40.candump.log") else { return };
    let frames: Vec<_> = LogReader::new(log.as_slice()).map_while(Result::ok).collect();
    measure(bencher, &database, &frames);
}

/// Reading the log's lines; counted in frames.
#[divan::bench]
fn rav4_log_lines(bencher: Bencher<'_, '_>) {
    let Some(log) = read("comma2k19/rav4_2017_40.candump.log") else { return };
    let count = LogReader::new(log.as_slice()).count();
    bencher.counter(ItemsCount::new(count)).bench(|| LogReader::new(black_box(log.as_slice())).count());
}

fn measure(bencher: Bencher<'_, '_>, database: &Database, frames: &[CanFrame]) {
    bencher
        .counter(ItemsCount::new(decode(database, frames).0))
        .bench(|| decode(database, black_box(frames)));
}

/// The number of signals and a sum that keeps their values from being optimised away.
fn decode(database: &Database, frames: &[CanFrame]) -> (usize, f64) {
    let (mut count, mut sum) = (0, 0.0);
    for frame in frames {
        database.decode(frame, |decoded| {
            count += 1;
            sum += decoded.value;
        });
    }
    (count, sum)
}

fn database(path: &str) -> Option<Database> {
    dbc::read(&read(path)?).ok().map(|read| read.database)
}

fn read(path: &str) -> Option<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::fs::read(folder.join(path)).ok()
}
