use proptest::prelude::*;

use super::*;

#[test]
fn known_days_have_known_dates() {
    for (day, text) in [(0, "1970-01-01"), (-1, "1969-12-31"), (20_780, "2026-11-23"), (11_016, "2000-02-29")]
    {
        assert_eq!(date(day), text);
        assert_eq!(parse_date(text), Some(day));
    }
}

proptest! {
    #[test]
    fn a_file_reads_back_from_its_path_and_statistics(
        day in -100_000_000_i32..100_000_000,
        first in -1_000_000_000_000_000_000_i64..1_000_000_000_000_000_000,
        span in 0_i64..100_000_000_000,
        rows in 0_u64..1_000_000,
    ) {
        let place = Place { brand: Brand::AlfaRomeo, day, bucket: 3 };
        let times = bounds((first, first + span));
        prop_assert!(times.0.0 <= first && times.1.0 >= first + span);
        let file = DataFile {
            path: format!("{}/a.parquet", folder(place)),
            place,
            bytes: 17,
            rows,
            source_times: times,
            receive_times: times,
            modified: Timestamp(5),
        };
        prop_assert_eq!(DataFile::parse(&file.path, 17, Timestamp(5), &file.stats()).unwrap(), file);
    }
}
