//! Packets a second through the codec, on one core: `cargo bench -p link`.

use divan::{Bencher, black_box, counter::ItemsCount};
use link::codec::{self, Packet, PacketId, Property, PropertyBuf, Publish, QoS};

fn main() {
    divan::main();
}

const PACKETS: usize = 1_000;
const PACKET_BYTES_MAX: usize = 1 << 20;

/// Batches of 20 samples as cars send them: an alias in place of the topic's text.
fn publishes() -> Vec<u8> {
    let properties = PropertyBuf::new().with(Property::TopicAlias(2)).expect("a number is encodable");
    let mut bytes = Vec::new();
    for number in 1..=PACKETS {
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: "",
            id: u16::try_from(number).ok().and_then(PacketId::new),
            properties: properties.as_properties(),
            payload: &[7; 120],
        };
        Packet::Publish(publish).encode(&mut bytes).expect("the packet is small");
    }
    bytes
}

#[divan::bench]
fn decode_publish(bencher: Bencher<'_, '_>) {
    let bytes = publishes();
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        let mut rest = bytes.as_slice();
        while let Ok(Some((packet, len))) = codec::decode(black_box(rest), PACKET_BYTES_MAX) {
            black_box(packet);
            rest = &rest[len..];
        }
    });
}

#[divan::bench]
fn encode_puback(bencher: Bencher<'_, '_>) {
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        out.clear();
        for number in 1..=PACKETS {
            let id = u16::try_from(number).ok().and_then(PacketId::new).expect("from 1 to 1,000");
            codec::puback_success(&mut out, black_box(id));
        }
        black_box(out.len())
    });
}
