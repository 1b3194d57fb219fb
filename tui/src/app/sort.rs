//! The sort order of the watchlist.

/// The sort order of the watchlist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// The trader's own order.
    #[default]
    Own,
    /// By name.
    Name,
    /// Highest price first.
    Last,
    /// Largest rise first.
    Change,
    /// Newest quote first.
    Age,
    /// Held first, then with a pending order, then with a trigger.
    Mine,
    /// Largest profit first.
    Profit,
}

impl Sort {
    /// Returns the next sort order, in the order of the columns.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Own => Self::Name,
            Self::Name => Self::Last,
            Self::Last => Self::Change,
            Self::Change => Self::Age,
            Self::Age => Self::Mine,
            Self::Mine => Self::Profit,
            Self::Profit => Self::Own,
        }
    }

    /// Returns the label that is displayed.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Own => "own order",
            Self::Name => "name",
            Self::Last => "last",
            Self::Change => "change",
            Self::Age => "age",
            Self::Mine => "mine",
            Self::Profit => "P&L",
        }
    }
}
