//! The option `--quotes`: where prices come from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Specification of a source of prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuoteSpec {
    /// A simulated market. Without a seed, it uses the seed of the data folder.
    Simulated {
        /// Seed of the market.
        seed: Option<u64>,
        /// True if every symbol keeps its first price.
        frozen: bool,
    },
    /// A file of prices.
    Csv {
        /// Path of the file.
        path: PathBuf,
    },
    /// The legacy quote server.
    Legacy {
        /// `HOST:PORT`.
        address: String,
    },
    /// No prices at all, for a program that only reads. Not on the command line.
    Closed,
}

impl Default for QuoteSpec {
    fn default() -> Self {
        Self::Simulated { seed: None, frozen: false }
    }
}

impl fmt::Display for QuoteSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simulated { seed, frozen } => {
                out.write_str("simulated")?;
                seed.map_or(Ok(()), |seed| write!(out, ":{seed}"))?;
                out.write_str(if *frozen { ":frozen" } else { "" })
            }
            Self::Csv { path } => write!(out, "csv:{}", path.display()),
            Self::Legacy { address } => write!(out, "legacy:{address}"),
            Self::Closed => out.write_str("closed"),
        }
    }
}

impl FromStr for QuoteSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!("{text:?} is not one of simulated[:SEED][:frozen], legacy:HOST:PORT, csv:FILE")
        };
        let (kind, rest) =
            text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        match (kind, rest) {
            ("legacy", Some(address))
                if address.rsplit_once(':').is_some_and(|(host, port)| {
                    !host.is_empty() && port.parse::<u16>().is_ok()
                }) =>
            {
                Ok(Self::Legacy { address: address.to_owned() })
            }
            ("csv", Some(path)) if !path.is_empty() => Ok(Self::Csv { path: path.into() }),
            ("simulated", rest) => {
                let (seed, frozen) = match rest {
                    None => (None, false),
                    Some("frozen") => (None, true),
                    Some(rest) => match rest.strip_suffix(":frozen") {
                        Some(seed) => (Some(seed), true),
                        None => (Some(rest), false),
                    },
                };
                let seed = seed.map(str::parse).transpose().map_err(|_| unknown())?;
                Ok(Self::Simulated { seed, frozen })
            }
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quote_sources_are_parsed_in_every_form() {
        let simulated = |seed, frozen| Ok(QuoteSpec::Simulated { seed, frozen });
        assert_eq!("simulated".parse(), simulated(None, false));
        assert_eq!("simulated:7".parse(), simulated(Some(7), false));
        assert_eq!("simulated:7:frozen".parse(), simulated(Some(7), true));
        assert_eq!("simulated:frozen".parse(), simulated(None, true));
        assert_eq!(
            "legacy:[::1]:4444".parse(),
            Ok(QuoteSpec::Legacy { address: "[::1]:4444".to_owned() })
        );
        assert_eq!("csv:a:b.csv".parse(), Ok(QuoteSpec::Csv { path: "a:b.csv".into() }));
        for bad in
            ["", "simulated:", "simulated:x", "legacy", "legacy:host", "legacy::1", "csv", "csv:"]
        {
            assert!(bad.parse::<QuoteSpec>().is_err(), "{bad}");
        }
    }
}
