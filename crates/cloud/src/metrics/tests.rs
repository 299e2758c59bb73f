use super::*;

#[test]
fn the_text_is_what_prometheus_reads() {
    let metrics = Metrics::default();
    metrics.counter("marque_b_total", "Bs.", &[("lane", "a\"b")]).add(3);
    metrics.gauge("marque_a_bytes", "As.", &[]).set(-2);
    let expected = "# HELP marque_a_bytes As.\n# TYPE marque_a_bytes gauge\nmarque_a_bytes -2\n\
                    # HELP marque_b_total Bs.\n# TYPE marque_b_total counter\nmarque_b_total{lane=\"a\\\"b\"} 3\n";
    assert_eq!(metrics.render(), expected);
}

#[test]
fn a_name_and_its_labels_are_one_metric() {
    let metrics = Metrics::default();
    metrics.counter("marque_x_total", "Xs.", &[]).add(1);
    metrics.counter("marque_x_total", "Xs.", &[]).add(1);
    assert!(metrics.render().contains("marque_x_total 2\n"));
}

#[test]
fn a_histogram_counts_into_all_wider_buckets() {
    let metrics = Metrics::default();
    let histogram = metrics.histogram("marque_wait_seconds", "Waits.", &[("route", "x")]);
    histogram.observe(Duration::from_millis(30));
    histogram.observe(Duration::from_secs(60));
    let text = metrics.render();
    for line in [
        "marque_wait_seconds_bucket{route=\"x\",le=\"0.025\"} 0",
        "marque_wait_seconds_bucket{route=\"x\",le=\"0.05\"} 1",
        "marque_wait_seconds_bucket{route=\"x\",le=\"+Inf\"} 2",
        "marque_wait_seconds_sum{route=\"x\"} 60.03",
        "marque_wait_seconds_count{route=\"x\"} 2",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
