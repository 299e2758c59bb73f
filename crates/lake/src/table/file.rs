//! A data file as the table knows it.

use model::{Brand, Timestamp};
use serde_json::{Value, json};

use crate::{
    Error, Place,
    schema::column::{BRAND, BUCKET, DATE, RECEIVE_TIME, SOURCE_TIME},
};

/// A Parquet file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Relative to the table's root.
    pub path: String,
    pub place: Place,
    pub bytes: u64,
    pub rows: u64,
    /// Not later than the first and not earlier than the last, to the millisecond.
    pub source_times: (Timestamp, Timestamp),
    pub receive_times: (Timestamp, Timestamp),
    pub modified: Timestamp,
}

impl DataFile {
    /// The statistics as Delta's `stats` text has them; [`DataFile::parse`] reads them back.
    pub fn stats(&self) -> String {
        let bounds = |source: Timestamp, received: Timestamp| json!({ SOURCE_TIME: iso(source), RECEIVE_TIME: iso(received) });
        json!({
            "numRecords": self.rows,
            "minValues": bounds(self.source_times.0, self.receive_times.0),
            "maxValues": bounds(self.source_times.1, self.receive_times.1),
            "nullCount": { SOURCE_TIME: 0, RECEIVE_TIME: 0 },
        })
        .to_string()
    }

    /// The date of its partition as `YYYY-MM-DD`.
    pub fn date(&self) -> String {
        date(self.place.day)
    }

    /// Puts a file together from what Delta's log or SQL say of it.
    pub fn parse(path: &str, bytes: u64, modified: Timestamp, stats: &str) -> Result<Self, Error> {
        let bad = |problem| Error::DataFile { path: path.to_owned(), problem };
        let place = parse_folder(path).ok_or_else(|| bad("its path names no partition"))?;
        let stats: Value = serde_json::from_str(stats).map_err(|_| bad("its statistics are not JSON"))?;
        let time = |bound: &str, column: &str| {
            let text = stats.get(bound).and_then(|values| values.get(column)).and_then(Value::as_str);
            text.and_then(parse_iso).ok_or_else(|| bad("its statistics lack its times"))
        };
        Ok(Self {
            path: path.to_owned(),
            place,
            bytes,
            rows: stats
                .get("numRecords")
                .and_then(Value::as_u64)
                .ok_or_else(|| bad("it lacks its row count"))?,
            source_times: (time("minValues", SOURCE_TIME)?, time("maxValues", SOURCE_TIME)?),
            receive_times: (time("minValues", RECEIVE_TIME)?, time("maxValues", RECEIVE_TIME)?),
            modified,
        })
    }
}

/// The folder of a partition, in Hive's manner; a brand is its first part.
pub(crate) fn folder(place: Place) -> String {
    format!("{BRAND}={}/{DATE}={}/{BUCKET}={}", place.brand.slug(), date(place.day), place.bucket)
}

fn parse_folder(path: &str) -> Option<Place> {
    let mut parts = path.split('/');
    let mut part = |name: &str| parts.next()?.strip_prefix(name)?.strip_prefix('=');
    Some(Place {
        brand: part(BRAND)?.parse::<Brand>().ok()?,
        day: parse_date(part(DATE)?)?,
        bucket: part(BUCKET)?.parse().ok()?,
    })
}

/// Statistics are bounds of whole milliseconds, as Delta's protocol has them.
pub(crate) fn bounds((first, last): (i64, i64)) -> (Timestamp, Timestamp) {
    (Timestamp(first - first.rem_euclid(1_000)), Timestamp(last + (-last).rem_euclid(1_000)))
}

/// `YYYY-MM-DD` of days since 1970-01-01, by the proleptic Gregorian calendar.
pub(crate) fn date(day: i32) -> String {
    let (year, month, day) = civil(i64::from(day));
    format!("{year:04}-{month:02}-{day:02}")
}

fn parse_date(text: &str) -> Option<i32> {
    // From the end: a year before 0 begins with a minus.
    let mut parts = text.rsplitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (day, month, year) = (parts.next()??, parts.next()??, parts.next()??);
    i32::try_from(days(year, month, day)).ok()
}

/// RFC 3339 in UTC with milliseconds.
fn iso(time: Timestamp) -> String {
    let millis = time.as_millis();
    let (day, within) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil(day);
    let (hour, minute, second) = (within / 3_600_000, within / 60_000 % 60, within / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", within % 1_000)
}

fn parse_iso(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let seconds = i64::from(parse_date(date)?) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Timestamp(seconds * 1_000_000 + micros))
}

/// Days since 1970-01-01 to year, month and day: Howard Hinnant's `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// The inverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests;
