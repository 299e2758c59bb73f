//! Counters, gauges and histograms in Prometheus' text format. Units stand in the names.
//!
//! A metric is registered once and kept by who counts; counting is one atomic addition. Labels are fixed
//! at registration, so that no car and no person can become one.

use std::{
    fmt::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Only ever grows.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Bounds from 1 ms to 10 s, which is where people and alerts look.
const BOUNDS_S: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// How long something takes.
#[derive(Debug, Clone, Default)]
pub struct Histogram(Arc<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS_S.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS_S.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS_S.len());
        self.0.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.sum_us.fetch_add(micros, Ordering::Relaxed);
    }
}

/// All metrics of the process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<Vec<Family>>>);

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    series: Vec<(String, Series)>,
}

#[derive(Debug, Clone)]
enum Series {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

impl Series {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) => "counter",
            Self::Gauge(_) => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

impl Metrics {
    /// `name` ends in `_total`. The same name and labels give the same counter.
    pub fn counter(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Counter {
        match self.register(name, help, labels, Series::Counter(Counter::default())) {
            Series::Counter(counter) => counter,
            Series::Gauge(_) | Series::Histogram(_) => Counter::default(),
        }
    }

    pub fn gauge(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Gauge {
        match self.register(name, help, labels, Series::Gauge(Gauge::default())) {
            Series::Gauge(gauge) => gauge,
            Series::Counter(_) | Series::Histogram(_) => Gauge::default(),
        }
    }

    /// `name` ends in `_seconds`.
    pub fn histogram(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Histogram {
        match self.register(name, help, labels, Series::Histogram(Histogram::default())) {
            Series::Histogram(histogram) => histogram,
            Series::Counter(_) | Series::Gauge(_) => Histogram::default(),
        }
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(8 * 1024);
        let families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for family in families.iter() {
            let kind = family.series.first().map_or("untyped", |(_, series)| series.kind());
            line(&mut text, format_args!("# HELP {} {}", family.name, family.help));
            line(&mut text, format_args!("# TYPE {} {kind}", family.name));
            for (labels, series) in &family.series {
                render_series(&mut text, family.name, labels, series);
            }
        }
        text
    }

    fn register(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&str, &str)],
        new: Series,
    ) -> Series {
        let labels = label_text(labels);
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match families.binary_search_by_key(&name, |family| family.name) {
            Ok(index) => index,
            Err(index) => {
                families.insert(index, Family { name, help, series: Vec::new() });
                index
            }
        };
        let series = &mut families[index].series;
        if let Some((_, known)) = series.iter().find(|(known, _)| *known == labels) {
            return known.clone();
        }
        series.push((labels, new.clone()));
        new
    }
}

fn render_series(text: &mut String, name: &str, labels: &str, series: &Series) {
    let braces = |labels: &str| if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    match series {
        Series::Counter(counter) => {
            line(text, format_args!("{name}{} {}", braces(labels), counter.get()));
        }
        Series::Gauge(gauge) => line(text, format_args!("{name}{} {}", braces(labels), gauge.get())),
        Series::Histogram(Histogram(buckets)) => {
            let comma = if labels.is_empty() { "" } else { "," };
            let mut count = 0;
            for (index, bucket) in buckets.counts.iter().enumerate() {
                count += bucket.load(Ordering::Relaxed);
                let bound = BOUNDS_S.get(index).map_or_else(|| "+Inf".to_owned(), ToString::to_string);
                line(text, format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"));
            }
            let sum_s = buckets.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
            line(text, format_args!("{name}_sum{} {sum_s}", braces(labels)));
            line(text, format_args!("{name}_count{} {count}", braces(labels)));
        }
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    text.write_fmt(content).expect("writing to a string does not fail");
    text.push('\n');
}

fn label_text(labels: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    labels.join(",")
}

#[cfg(test)]
mod tests;
