//! The states in which a shard does less than usual.

/// The health of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Health {
    /// Everything is carried out.
    #[default]
    Good,
    /// The disk is almost full: only commands that write nothing are answered.
    DiskLow,
    /// Another server owns the shard: nothing is decided here.
    Following,
    /// The journal has failed: nothing is decided any more.
    Failed,
}

impl Health {
    /// Returns the health after a check of the free disk space. A failed journal stays failed,
    /// and a follower decides nothing.
    pub(super) const fn with_disk_low(self, low: bool) -> Self {
        match self {
            Self::Failed | Self::Following => self,
            _ if low => Self::DiskLow,
            _ => Self::Good,
        }
    }
}
