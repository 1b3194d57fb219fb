//! One thing that the server measures, and the names under which it is shown.

use crate::histogram::Counted;
use std::borrow::Cow;

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It only grows, until a restart.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations, counted by length.
    Histogram,
}

/// A metric, by the rules of Prometheus: base units, and `_total` for what only grows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    /// Its name, without `_total`.
    pub name: &'static str,
    /// What it says, for people.
    pub help: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What its count is divided by for its base unit, 1 if it has none.
    pub divisor: u32,
}

/// The labels of a value.
pub(crate) type Labels = Vec<(&'static str, Cow<'static, str>)>;

/// A value of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A number.
    Count(u64),
    /// Durations.
    Times(Box<Counted>),
    /// Words.
    Text(Cow<'static, str>),
}

/// One thing that is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measure {
    /// Its name in the reply to STATS, if it is there.
    pub stat: Option<Cow<'static, str>>,
    /// Its metric, if it is one.
    pub metric: Option<(&'static Metric, Labels)>,
    /// Its value.
    pub value: Value,
}

impl Measure {
    /// Creates a value of STATS alone.
    pub(crate) fn stat(name: impl Into<Cow<'static, str>>, value: Value) -> Self {
        Self { stat: Some(name.into()), metric: None, value }
    }

    /// Creates a value of a metric alone.
    pub(crate) const fn metric(metric: &'static Metric, labels: Labels, value: Value) -> Self {
        Self { stat: None, metric: Some((metric, labels)), value }
    }

    /// Adds the name in STATS.
    #[must_use]
    pub(crate) fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.stat = Some(name.into());
        self
    }
}

/// Defines metrics: identifier, kind, name, divisor and help.
macro_rules! metrics {
    ($($id:ident: $kind:ident $name:literal / $divisor:literal, $help:literal;)*) => {
        $(static $id: $crate::stats::Metric = $crate::stats::Metric {
            name: $name,
            help: $help,
            kind: $crate::stats::Kind::$kind,
            divisor: $divisor,
        };)*
    };
}
pub(crate) use metrics;
