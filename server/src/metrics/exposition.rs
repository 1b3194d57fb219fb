//! Measures in the text format of Prometheus.

use crate::histogram::{BOUNDS_US, Counted};
use crate::stats::{Kind, Labels, Measure, Metric, Value};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt;

/// The values of one metric.
type Family = (&'static Metric, Vec<(Labels, Value)>);

/// Measures that are to be written, by the names of their metrics.
#[derive(Debug)]
struct Families(BTreeMap<&'static str, Family>);

/// Writes measures as text.
///
/// # Errors
/// Never, with metrics that are well named.
pub(super) fn text(measures: Vec<Measure>) -> Result<String, fmt::Error> {
    let mut families: BTreeMap<&'static str, Family> = BTreeMap::new();
    for Measure { metric, value, .. } in measures {
        if let Some((metric, labels)) = metric {
            let (_, values) = families.entry(metric.name).or_insert_with(|| (metric, Vec::new()));
            values.push((labels, value));
        }
    }
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families)));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (metric, values) in self.0.values() {
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for (labels, value) in values {
                if labels.is_empty() {
                    write(metric, value, &mut family)?;
                } else {
                    write(metric, value, &mut family.encode_family(labels)?)?;
                }
            }
        }
        Ok(())
    }
}

fn write(metric: &Metric, value: &Value, into: &mut MetricEncoder<'_>) -> Result<(), fmt::Error> {
    match (metric.kind, value) {
        (Kind::Histogram, Value::Times(counted)) => write_times(counted, into),
        (Kind::Counter, Value::Count(count)) if metric.divisor == 1 => {
            into.encode_counter::<NoLabelSet, _, f64>(count, None)
        }
        (Kind::Counter, Value::Count(count)) => {
            into.encode_counter::<NoLabelSet, _, f64>(&in_units(*count, metric.divisor), None)
        }
        (Kind::Gauge, Value::Count(count)) if metric.divisor == 1 => into.encode_gauge(count),
        (Kind::Gauge, Value::Count(count)) => into.encode_gauge(&in_units(*count, metric.divisor)),
        // Words are in labels, and nothing else is a histogram.
        _ => Ok(()),
    }
}

/// Returns a count in base units.
#[expect(clippy::float_arithmetic, reason = "Prometheus has no other numbers; none comes back")]
fn in_units(count: u64, divisor: u32) -> f64 {
    count as f64 / f64::from(divisor)
}

fn write_times(counted: &Counted, into: &mut MetricEncoder<'_>) -> Result<(), fmt::Error> {
    let bounds = BOUNDS_US.iter().map(|us| in_units(*us, 1_000_000));
    // The last bucket, of what is longer, is that of the count.
    let buckets: Vec<(f64, u64)> = bounds.zip(counted.buckets).collect();
    let count = counted.buckets.iter().sum();
    let sum = in_units(counted.sum_ns, 1_000_000_000);
    into.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}
