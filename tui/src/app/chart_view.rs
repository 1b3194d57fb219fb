//! The settings of the chart: its time range, its form and the crosshair.

use super::Pane;

/// Positions of the crosshair.
const CROSSHAIR_MAX: u16 = 60;

/// The time range of the chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Timeframe {
    Minute,
    #[default]
    FiveMinutes,
    FifteenMinutes,
    Hour,
    All,
}

impl Timeframe {
    /// All time ranges, shortest first.
    pub(crate) const ALL: [Self; 5] =
        [Self::Minute, Self::FiveMinutes, Self::FifteenMinutes, Self::Hour, Self::All];

    /// Returns the name that is displayed.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::FiveMinutes => "5m",
            Self::FifteenMinutes => "15m",
            Self::Hour => "1h",
            Self::All => "all",
        }
    }

    /// Returns the length in milliseconds; None for all known prices.
    pub(crate) const fn span_ms(self) -> Option<u64> {
        match self {
            Self::Minute => Some(60_000),
            Self::FiveMinutes => Some(300_000),
            Self::FifteenMinutes => Some(900_000),
            Self::Hour => Some(3_600_000),
            Self::All => None,
        }
    }

    /// Returns the next longer or shorter time range, or the same one at the end of the list.
    fn next(self, longer: bool) -> Self {
        let at = Self::ALL.iter().position(|one| *one == self).unwrap_or(0);
        let to = if longer { at + 1 } else { at.saturating_sub(1) };
        Self::ALL.get(to).copied().unwrap_or(self)
    }
}

/// The settings of the chart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChartView {
    /// The list whose selected symbol is displayed while the chart has the focus.
    list: Pane,
    /// Position of the crosshair, counted from the newest price.
    crosshair: Option<u16>,
    timeframe: Timeframe,
    /// Bars from low to high instead of a line.
    bars: bool,
}

impl ChartView {
    /// Returns the list whose selected symbol is displayed while the chart has the focus.
    pub(super) const fn list(self) -> Pane {
        self.list
    }

    /// Displays the selected symbol of a list, without a crosshair.
    pub(super) const fn open_from(&mut self, list: Pane) {
        (self.list, self.crosshair) = (list, None);
    }

    /// Returns the column of the crosshair in a plot of this many columns.
    pub(crate) fn crosshair(self, columns: u16) -> Option<u16> {
        let last = u32::from(columns.checked_sub(1)?);
        let from_right = u32::from(self.crosshair?) * last / u32::from(CROSSHAIR_MAX);
        Some((last - from_right) as u16)
    }

    /// Moves the crosshair to an earlier or a later moment.
    pub(super) fn move_crosshair(&mut self, earlier: bool) {
        self.crosshair = Some(match self.crosshair {
            None => 0,
            Some(at) if earlier => (at + 1).min(CROSSHAIR_MAX),
            Some(at) => at.saturating_sub(1),
        });
    }

    /// Returns the time range.
    pub(crate) const fn timeframe(self) -> Timeframe {
        self.timeframe
    }

    /// Returns true for bars from low to high instead of a line.
    pub(crate) const fn has_bars(self) -> bool {
        self.bars
    }

    pub(super) const fn toggle_bars(&mut self) {
        self.bars = !self.bars;
    }

    pub(super) fn change_timeframe(&mut self, longer: bool) {
        self.timeframe = self.timeframe.next(longer);
    }
}
