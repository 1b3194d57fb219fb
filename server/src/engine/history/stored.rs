//! The two forms in which a history is stored: a list of its transactions, as in snapshots up to
//! version 3 and for the state hash, and packed, as in snapshots from version 4 on. Bytes that are
//! read may be damaged: invalid ones must be refused and must never cause a panic.

use super::compact::{Action, Position};
use super::entry::HistoryEntry;
use super::{History, Others};
use crate::limits::HISTORY_MAX;
use daytrade_protocol::{CommandName, Symbol};
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};

/// A history as a list, oldest first.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Listed<'a>(pub(in crate::engine) &'a History);

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.oldest_first().serialize(serializer)
    }
}

impl From<Vec<HistoryEntry>> for History {
    fn from(entries: Vec<HistoryEntry>) -> Self {
        entries.into_iter().collect()
    }
}

/// A value of the count byte: the transactions follow as a list, in the format of postcard.
const LIST: u8 = 255;
/// Number and time of the newest transaction, bytes.
const NUMBER_BYTES: usize = 8;
const TIME_BYTES: usize = 6;
/// Code, symbol and command of a transaction, bytes.
const ACTION_BYTES: usize = 4;
/// Bytes of the longest amount, and of the longest distance of two numbers or times.
const WIDTH_MAX: usize = 4;
/// Maximum length of a packed history in the compact form, bytes.
const PACKED_BYTES_MAX: usize =
    4 + NUMBER_BYTES + TIME_BYTES + HISTORY_MAX * (ACTION_BYTES + 3 * WIDTH_MAX);

/// A history as a snapshot holds it. The layout is part of the snapshot format:
///
/// - number of transactions: 1 byte. If it is 0, nothing follows; if it is 255, a list;
/// - bytes of each amount, of each distance of two numbers, and of two times: 1 byte each;
/// - number and time of the newest transaction: 8 and 6 bytes;
/// - of each transaction, newest first: symbol and code (3), command (1), amount, and how far its
///   number (in zigzag) and its time are before those of the next one, which is 0 for the newest.
///
/// A transaction takes 10 to 12 bytes, most of the time.
pub(in crate::engine) enum PackedHistory {
    Compact { bytes: [u8; PACKED_BYTES_MAX], len: usize },
    List(Vec<HistoryEntry>),
}

const fn zigzag(signed: i32) -> u32 {
    ((signed << 1) ^ (signed >> 31)).cast_unsigned()
}

const fn unzigzag(number: u32) -> i32 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// Returns the number of bytes that hold all of these bits.
const fn width(bits: u32) -> usize {
    WIDTH_MAX - bits.leading_zeros() as usize / 8
}

/// Bytes that fields are appended to.
struct Packing {
    bytes: [u8; PACKED_BYTES_MAX],
    at: usize,
}

impl Packing {
    /// Appends the lower bytes of a word. It writes the whole word, which is faster; the next field
    /// overwrites the upper bytes.
    #[inline]
    fn put(&mut self, word: u64, bytes: usize) {
        if let Some(space) = self.bytes.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            *space = word.to_le_bytes();
        }
        self.at += bytes;
    }
}

impl PackedHistory {
    pub(in crate::engine) fn of(history: &History) -> Self {
        let mut packing = Packing { bytes: [0; _], at: 0 };
        if let Others::Wide(all) = &history.others {
            return Self::List(all.iter().copied().collect());
        }
        packing.put(history.count.into(), 1);
        if history.count > 0 {
            pack(history, &mut packing);
        }
        Self::Compact { bytes: packing.bytes, len: packing.at }
    }
}

fn pack(history: &History, packing: &mut Packing) {
    let Position { number, at_ms } = history.position();
    let mut next = history.position().older(history.newest);
    let mut all = [(next.action, 0, 0); HISTORY_MAX];
    let (mut amounts, mut numbers, mut times) = (next.action.amount, 0, 0);
    for (older, place) in history.older().zip(all.iter_mut().skip(1)) {
        let number = zigzag(next.number.wrapping_sub(older.number).cast_signed());
        let time = next.at_ms.wrapping_sub(older.at_ms);
        *place = (older.action, number, time);
        amounts |= older.action.amount;
        numbers |= number;
        times |= time;
        next = *older;
    }
    let [amount_bytes, number_bytes, time_bytes] = [amounts, numbers, times].map(width);
    for bytes in [amount_bytes, number_bytes, time_bytes] {
        packing.put(bytes as u64, 1);
    }
    packing.put(number, NUMBER_BYTES);
    packing.put(at_ms, TIME_BYTES);
    for (action, number, time) in all.into_iter().take(history.count.into()) {
        let [first, second, third] = action.symbol_and_code;
        let code = u32::from_le_bytes([first, second, third, action.command as u8]);
        let word = u64::from(action.amount) << u32::BITS | u64::from(code);
        packing.put(word, ACTION_BYTES + amount_bytes);
        let word = u64::from(time) << (8 * number_bytes) | u64::from(number);
        packing.put(word, number_bytes + time_bytes);
    }
}

impl Serialize for PackedHistory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Compact { bytes, len } => {
                serializer.serialize_bytes(bytes.get(..*len).unwrap_or_default())
            }
            Self::List(all) => {
                let bytes = postcard::to_extend(all, vec![LIST]).map_err(S::Error::custom)?;
                serializer.serialize_bytes(&bytes)
            }
        }
    }
}

/// The bytes of a packed history.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(in crate::engine) struct StoredHistory<'a>(&'a [u8]);

/// Removes a number of this length, at most eight bytes, from the start of `bytes`.
fn take(bytes: &mut &[u8], width: usize) -> Option<u64> {
    let (field, rest) = bytes.split_at_checked(width)?;
    *bytes = rest;
    let mut word = [0; 8];
    word.get_mut(..width)?.copy_from_slice(field);
    Some(u64::from_le_bytes(word))
}

fn take_u32(bytes: &mut &[u8], width: u64) -> Option<u32> {
    u32::try_from(take(bytes, usize::try_from(width).ok()?)?).ok()
}

/// Removes a transaction from the start of `bytes`. `next` is the position of the next newer one.
fn take_entry(bytes: &mut &[u8], widths: [u64; 3], next: Position) -> Option<HistoryEntry> {
    let [first, second, third, command] = take_u32(bytes, ACTION_BYTES as u64)?.to_le_bytes();
    let command = *CommandName::ALL.get(usize::from(command))?;
    let [amount, number, time] = widths;
    let amount = take_u32(bytes, amount)?;
    let number = i64::from(unzigzag(take_u32(bytes, number)?));
    let time = u64::from(take_u32(bytes, time)?);
    let action = Action { amount, symbol_and_code: [first, second, third], command };
    let entry = action.entry(Position {
        number: next.number.wrapping_add_signed(-number),
        at_ms: next.at_ms.checked_sub(time)?,
    });
    if let Some(symbol) = entry.symbol {
        Symbol::try_from(<[u8; 3]>::from(symbol)).ok()?;
    }
    // An invalid code is lost in the entry, so the entry packs differently.
    let packed = Action::of(command, entry.symbol, entry.amount(), entry.refused);
    (packed == Some(action)).then_some(entry)
}

impl StoredHistory<'_> {
    /// Returns the transactions, newest first.
    fn entries(self) -> Option<Vec<HistoryEntry>> {
        let mut bytes = self.0;
        let mut entries = Vec::with_capacity(HISTORY_MAX);
        let count = take(&mut bytes, 1)?;
        if count == u64::from(LIST) {
            entries = postcard::from_bytes(bytes).ok()?;
            entries.reverse();
            return (entries.len() <= HISTORY_MAX).then_some(entries);
        }
        if count > 0 {
            let widths = [take(&mut bytes, 1)?, take(&mut bytes, 1)?, take(&mut bytes, 1)?];
            let number = take(&mut bytes, NUMBER_BYTES)?;
            let mut next = Position { number, at_ms: take(&mut bytes, TIME_BYTES)? };
            for _ in 0..count.min(HISTORY_MAX as u64) {
                let entry = take_entry(&mut bytes, widths, next)?;
                next = Position { number: entry.number, at_ms: entry.at_ms };
                entries.push(entry);
            }
        }
        (bytes.is_empty() && entries.len() as u64 == count).then_some(entries)
    }
}

/// The bytes are not a valid history.
#[derive(Debug)]
pub(in crate::engine) struct NoHistory;

impl TryFrom<StoredHistory<'_>> for History {
    type Error = NoHistory;

    fn try_from(stored: StoredHistory<'_>) -> Result<Self, NoHistory> {
        let entries = stored.entries().ok_or(NoHistory)?;
        Ok(entries.into_iter().rev().collect())
    }
}
