//! The option `--journal-retention`.

/// Amount of journal to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// The whole journal, which is the audit log.
    #[default]
    All,
    /// At least this many bytes for each shard.
    Bytes(u64),
}

pub(super) fn parse(text: &str) -> Result<Retention, String> {
    let mib = |mib: u64| mib.checked_mul(1 << 20);
    let bytes = || match text.parse() {
        Ok(number) => mib(number),
        Err(_) => super::units::bytes(text).ok(),
    };
    if text == "all" {
        return Ok(Retention::All);
    }
    let kept = bytes().map(Retention::Bytes);
    kept.ok_or_else(|| format!("{text:?} is neither all nor a size such as 64GiB, or MiB"))
}
