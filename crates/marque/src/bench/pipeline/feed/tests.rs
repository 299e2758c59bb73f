use model::Timestamp;
use signals::Catalogue;
use wire::{decode_columns, parse_header};

use super::Feed;

const START: Timestamp = Timestamp(1_767_225_600_000_000);

#[test]
fn each_message_of_a_car_is_a_batch_of_its_own_with_all_its_samples() {
    let mut feed = Feed::new(2, 200, START).unwrap();
    feed.extend_to(1).unwrap();
    feed.extend_to(3).unwrap();
    for car in 0..2 {
        for number in 0..3_u64 {
            let message = feed.message(car, usize::try_from(number).unwrap()).unwrap();
            let (header, body) = parse_header(message).unwrap();
            assert_eq!((header.meta.seq.0, header.samples), (number, 200));
            let decoded = decode_columns(&header, body, &Catalogue::core()).unwrap();
            assert!(decoded.bad_columns.is_empty());
            assert!(decoded.groups.iter().flat_map(|group| &group.columns).all(|c| c.exceptions.is_empty()));
        }
    }
    assert_eq!(feed.message(0, 3), None);
}

#[test]
fn the_same_cars_send_the_same_bytes() {
    let message = |calls: &[usize]| {
        let mut feed = Feed::new(1, 20, START).unwrap();
        calls.iter().for_each(|messages| feed.extend_to(*messages).unwrap());
        feed.message(0, 4).unwrap().to_vec()
    };
    assert_eq!(message(&[5]), message(&[2, 9]));
}
