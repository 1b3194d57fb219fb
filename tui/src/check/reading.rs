//! How a team read the assignment where it leaves a choice.
//!
//! There are five choices of two, so 32 readings. All of them are judged at once: what happened is
//! compared with what each reading asks for, and a set of readings is one word of 32 bits.

/// A set of readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readings(pub(super) u32);

/// One reading: a bit for each choice, 0 for the first of its two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reading(u8);

/// A choice between two ways to read the assignment.
struct Choice {
    /// Names for `--reading`.
    names: [&'static str; 2],
    /// What they mean.
    meanings: [&'static str; 2],
}

const CHOICES: [Choice; 5] = [
    Choice {
        names: ["buy", "commit"],
        meanings: ["cash leaves at BUY", "cash leaves at COMMIT_BUY"],
    },
    Choice { names: ["whole", "fractional"], meanings: ["whole shares", "fractional shares"] },
    Choice {
        names: ["amount", "trigger"],
        meanings: ["a SET_BUY reserves at its amount", "a SET_BUY reserves at its trigger"],
    },
    Choice {
        names: ["error", "no-error"],
        meanings: [
            "CANCEL_SET_BUY without a set is an error",
            "CANCEL_SET_BUY without a set is no error",
        ],
    },
    Choice {
        names: ["dollars", "shares"],
        meanings: ["SET_BUY_AMOUNT in dollars", "SET_BUY_AMOUNT in shares"],
    },
];

/// Number of readings.
const COUNT: u8 = 1 << CHOICES.len();

impl Readings {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ALL: Self = Self(u32::MAX);
    /// Cash leaves at BUY.
    pub(crate) const AT_BUY: Self = Self::first_of(0);
    /// Shares are whole.
    pub(crate) const WHOLE: Self = Self::first_of(1);
    /// A SET_BUY reserves its amount at once.
    pub(crate) const AT_AMOUNT: Self = Self::first_of(2);
    /// CANCEL without a set is an error.
    pub(crate) const CANCEL_IS_ERROR: Self = Self::first_of(3);
    /// SET_BUY_AMOUNT and SET_SELL_AMOUNT are dollars.
    pub(crate) const DOLLARS: Self = Self::first_of(4);

    /// Returns the readings that take the first way of a choice.
    const fn first_of(choice: u8) -> Self {
        let (mut set, mut reading) = (0, 0);
        while reading < COUNT {
            if reading >> choice & 1 == 0 {
                set |= 1 << reading;
            }
            reading += 1;
        }
        Self(set)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns all readings but these.
    pub(crate) const fn not(self) -> Self {
        Self(!self.0)
    }

    /// Returns these readings if the condition holds, else none.
    pub(crate) const fn when(self, holds: bool) -> Self {
        if holds { self } else { Self::NONE }
    }

    pub(crate) const fn contains(self, reading: Reading) -> bool {
        self.0 >> reading.0 & 1 == 1
    }

    /// Returns the set of one reading.
    pub(crate) const fn one(reading: Reading) -> Self {
        Self(1 << reading.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Reading> {
        (0..COUNT).map(Reading).filter(move |reading| self.contains(*reading))
    }

    /// Parses `--reading`: `any`, or the names of choices with commas between them. A choice that
    /// is not named stays open.
    ///
    /// # Errors
    /// Returns a message for the command line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "any" {
            return Ok(Self::ALL);
        }
        let mut left = Self::ALL;
        for name in text.split(',').map(str::trim) {
            let found = (0..).zip(&CHOICES).find_map(|(at, choice)| {
                let way = choice.names.iter().position(|one| *one == name)?;
                let first = Self::first_of(at);
                Some(if way == 0 { first } else { first.not() })
            });
            left = left.and(found.ok_or_else(|| {
                let names: Vec<_> = CHOICES.iter().map(|choice| choice.names.join("|")).collect();
                format!("{name:?} is not a reading: any, or one or more of {}", names.join(", "))
            })?);
        }
        if left.is_empty() {
            return Err(format!("{text:?} names both ways of a choice"));
        }
        Ok(left)
    }
}

impl From<Reading> for usize {
    fn from(reading: Reading) -> Self {
        Self::from(reading.0)
    }
}

impl Reading {
    /// Returns the names of its choices, as `--reading` takes them.
    pub(crate) fn name(self) -> String {
        self.ways().map(|(choice, way)| choice.names[way]).collect::<Vec<_>>().join(",")
    }

    /// Returns what its choices mean.
    pub(crate) fn meaning(self) -> String {
        self.ways().map(|(choice, way)| choice.meanings[way]).collect::<Vec<_>>().join("; ")
    }

    /// Returns the readings that differ in one choice, with what that one means.
    pub(crate) fn neighbours(self) -> impl Iterator<Item = (Self, &'static str)> {
        (0..).zip(&CHOICES).map(move |(at, choice)| {
            let other = Self(self.0 ^ 1 << at);
            (other, choice.meanings[usize::from(other.0 >> at & 1)])
        })
    }

    fn ways(self) -> impl Iterator<Item = (&'static Choice, usize)> {
        (0..).zip(&CHOICES).map(move |(at, choice)| (choice, usize::from(self.0 >> at & 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leaves_the_choices_open_that_it_does_not_name() {
        let of = |text| Readings::parse(text).unwrap().iter().count();
        assert_eq!(
            (of("any"), of("commit"), of("commit,whole"), of("no-error , shares")),
            (32, 16, 8, 8)
        );
        let one = Readings::parse("buy,whole,amount,error,dollars").unwrap();
        assert_eq!(
            one.iter().map(Reading::name).collect::<Vec<_>>(),
            ["buy,whole,amount,error,dollars"]
        );
        for bad in ["", "cash", "buy,commit"] {
            assert!(Readings::parse(bad).is_err(), "{bad}");
        }
    }
}
