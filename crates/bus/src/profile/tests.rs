mod app;
mod codec;
mod diagnostics;
mod docs;
mod external;
mod facts;
mod files;
mod stale;

use std::sync::Arc;

use model::Timestamp;
use proptest::{prelude::*, test_runner::TestRng};
use signals::{DataType, Leaf, Sample, ScalarType, SignalId, Value};

use super::{ARCHITECTURES, BusMessage, Profile, ProfileDecoder};

fn all() -> Vec<Arc<Profile>> {
    ARCHITECTURES.iter().map(|name| Profile::builtin(name).unwrap()).collect()
}

fn id(profile: &Profile, path: &str) -> SignalId {
    profile.catalogue().by_path(path).unwrap().id
}

fn decode(decoder: &mut ProfileDecoder, messages: &[BusMessage]) -> Vec<Sample> {
    let mut samples = Vec::new();
    for message in messages {
        decoder.handle(message, Timestamp::MAX, &mut |sample| samples.push(sample)).unwrap();
    }
    samples
}

/// A value that the leaf may hold.
fn plausible(leaf: &Leaf, rng: &mut TestRng) -> Value {
    let DataType::Scalar(scalar) = leaf.data_type else { panic!("no profile maps arrays") };
    if !leaf.limits.allowed.is_empty() {
        let at = rng.random_range(0..leaf.limits.allowed.len());
        return leaf.limits.allowed[at].clone();
    }
    let between = |min: f64, max: f64, rng: &mut TestRng| {
        let (min, max) = (leaf.limits.min.unwrap_or(min), leaf.limits.max.unwrap_or(max));
        min + (max - min) * rng.random::<f64>()
    };
    match scalar {
        ScalarType::Boolean => Value::Bool(rng.random()),
        ScalarType::Int8 | ScalarType::Int16 | ScalarType::Int32 | ScalarType::Int64 => {
            leaf.read_number(between(-100.0, 100.0, rng), Timestamp(0)).value.unwrap()
        }
        ScalarType::Uint8 | ScalarType::Uint16 | ScalarType::Uint32 | ScalarType::Uint64 => {
            leaf.read_number(between(0.0, 200.0, rng), Timestamp(0)).value.unwrap()
        }
        ScalarType::Float | ScalarType::Double => {
            let number = between(-30.0, 200.0, rng);
            Value::Float(leaf.scale.number(leaf.scale.mantissa(number).unwrap()))
        }
        ScalarType::String => Value::from("a text"),
    }
}
