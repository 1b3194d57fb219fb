//! The market that a data folder was played with last, in `market.toml`.
//!
//! A program that opens a folder without a word about prices uses the same market: an account must
//! never meet prices of another one.

use super::QuoteArgs;
use crate::data_dir::replace_private;
use crate::quotes::QuoteSpec;
use serde::{Deserialize, Serialize};
use std::path::Path;

const FILE: &str = "market.toml";

/// The options of a market, as the command line has them.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    quotes: String,
    speed_milli: u64,
    #[serde(rename = "loop")]
    looped: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tick_ms: Option<u64>,
}

/// Writes the market of a folder down.
///
/// # Errors
/// If the file cannot be written.
pub(crate) fn remember(data_dir: &Path, quotes: &QuoteArgs) -> anyhow::Result<()> {
    let spec = match quotes.spec() {
        QuoteSpec::Closed => return Ok(()),
        QuoteSpec::Csv { path } => QuoteSpec::Csv { path: std::path::absolute(path)? },
        spec => spec,
    };
    let market = Remembered {
        quotes: spec.to_string(),
        speed_milli: quotes.speed,
        looped: quotes.looped,
        tick_ms: quotes.tick,
    };
    let text = toml::to_string(&market)?;
    if std::fs::read_to_string(data_dir.join(FILE)).is_ok_and(|written| written == text) {
        return Ok(());
    }
    Ok(replace_private(data_dir, FILE, text.as_bytes())?)
}

/// Returns the market that a folder was played with last; None if it never was, or the file is not
/// understood.
pub fn remembered_market(data_dir: &Path) -> Option<QuoteArgs> {
    let text = std::fs::read_to_string(data_dir.join(FILE)).ok()?;
    let Remembered { quotes, speed_milli, looped, tick_ms } = toml::from_str(&text).ok()?;
    Some(QuoteArgs {
        quotes: Some(quotes.parse().ok()?),
        speed: speed_milli,
        looped,
        tick: tick_ms,
        ..QuoteArgs::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_remembers_its_last_market() {
        let folder = tempfile::tempdir().unwrap();
        assert!(remembered_market(folder.path()).is_none());
        for spec in ["simulated", "simulated:7:frozen", "legacy:h:1", "csv:/tmp/a b.csv"] {
            let quotes = QuoteArgs {
                quotes: Some(spec.parse().unwrap()),
                speed: 60_000,
                looped: true,
                tick: Some(250),
                ..QuoteArgs::default()
            };
            remember(folder.path(), &quotes).unwrap();
            let found = remembered_market(folder.path()).unwrap();
            assert_eq!((found.spec(), found.speed), (quotes.spec(), 60_000), "{spec}");
            assert_eq!((found.looped, found.tick), (true, Some(250)));
        }
        let closed = QuoteArgs { quotes: Some(QuoteSpec::Closed), ..QuoteArgs::default() };
        remember(folder.path(), &closed).unwrap();
        assert!(matches!(remembered_market(folder.path()).unwrap().spec(), QuoteSpec::Csv { .. }));
    }
}
