//! How many bytes a sample costs on the wire, everything included.

use signals::Catalogue;
use wire::{Encoder, decode_columns, parse_header};

#[path = "../benches/traffic.rs"]
mod traffic;

/// The promise of the design.
const BYTES_PER_SAMPLE_MAX: f64 = 1.5;

#[test]
fn ten_seconds_of_twenty_signals_take_at_most_one_and_a_half_bytes_a_sample() {
    let catalogue = Catalogue::core();
    let mut encoder = Encoder::default();
    let (mut bytes, mut bodies, mut samples) = (0, 0, 0);
    for seed in 0..50 {
        for (seq, batch) in (10_000..).zip(traffic::batches(&catalogue, seed, 20)) {
            let encoded = encoder.encode(&traffic::meta(&batch, seq), &batch.groups, &catalogue).unwrap();
            let (header, body) = parse_header(&encoded).unwrap();
            let decoded = decode_columns(&header, body, &catalogue).unwrap();
            assert_eq!(decoded.groups, batch.groups);
            assert_eq!(batch.samples(), 200);
            bytes += encoded.len();
            bodies += body.as_bytes().len();
            samples += batch.samples();
        }
    }
    let each = bytes as f64 / samples as f64;
    println!("{each:.3} bytes a sample, {:.3} of them in the body", bodies as f64 / samples as f64);
    assert!(each <= BYTES_PER_SAMPLE_MAX, "{each:.3} bytes a sample");
}
