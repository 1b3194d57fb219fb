//! The records of a frame as bytes, in format 2.
//!
//! A record is a kind, flags, the user, and fields of fixed width ([`fields`]). A user is named
//! in a frame and is an index after that, so a frame can be read without any other. Every
//! command writes a record, so this is as direct as the format allows. docs/JOURNAL.md has the
//! tables; [`layout`] has the same in code. Nothing here may depend on an earlier frame.
//!
//! Format 1 is postcard's encoding of [`Record`]; it is only read.

mod fields;
mod layout;
#[cfg(test)]
mod tests;

use crate::engine::{Events, Hit, MarketPosition, Outcome, Owner, PriceUsed, Record, UserId};
use crate::limits::NAMED_USERS;
use daytrade_protocol::{Attempt, CommandName, UserName};
use fields::{Field, FieldReader, FieldWriter};
use smallvec::SmallVec;

/// Kinds below this are commands that were carried out, by their position in the table of commands.
const REFUSED: u8 = 0x40;
/// Kinds below this and not below [`REFUSED`] are commands that were refused.
const OTHERS: u8 = 0x80;
const REJECTED: u8 = 0x80;
const HIT: u8 = 0x81;
const EXPIRED: u8 = 0x82;
const FILLED: u8 = 0x83;
const DUMP_FAILED: u8 = 0x84;
const WATCHED_HIT: u8 = 0x85;
const MARKET: u8 = 0x86;
const OWNER: u8 = 0x87;

const WIDE: u8 = 1;
const ASSIGNED: u8 = 2;
const PRICED: u8 = 4;
const CACHED: u8 = 8;
const NEW_USER: u8 = 16;
const NO_USER: u8 = 32;
const FLAGS: u8 = WIDE | ASSIGNED | PRICED | CACHED | NEW_USER | NO_USER;

/// Ends the events of a command. No event has this code.
const END_OF_EVENTS: u8 = 0;

/// The user of a record, as its head names him.
#[derive(Clone, Copy, Debug)]
enum UserField<'a> {
    None,
    /// Named before in this frame, under this index.
    Index(u32),
    /// Named here. The name gets the next index.
    New(&'a UserName),
}

/// Writes records of one frame after another.
#[derive(Debug, Default)]
pub(super) struct RecordWriter {
    named: NamedUsers,
}

impl RecordWriter {
    /// Writes a record at offset `at` of a buffer, which may be longer, and returns the offset
    /// after it. `user` is the index of the record's user in the accounts, if there is one: any
    /// other user is named each time.
    #[inline]
    pub(super) fn write(
        &mut self,
        record: &Record,
        user: Option<UserId>,
        bytes: &mut Vec<u8>,
        at: usize,
    ) -> usize {
        let field = self.named.field_of(user_of(record), user);
        let mut narrow = FieldWriter::<false>::new(bytes, at);
        write(record, field, &mut narrow);
        narrow.end().unwrap_or_else(|| write_wide(record, field, bytes, at))
    }

    /// Begins another frame.
    pub(super) fn clear(&mut self) {
        self.named.clear();
    }
}

#[cold]
fn write_wide(record: &Record, user: UserField<'_>, bytes: &mut Vec<u8>, at: usize) -> usize {
    let mut wide = FieldWriter::<true>::new(bytes, at);
    write(record, user, &mut wide);
    wide.end().unwrap_or(at)
}

/// The users that the frame has named so far: a table that is emptied at once.
#[derive(Debug, Default)]
struct NamedUsers {
    /// Users by their index in the frame; None for one without an account.
    users: Vec<Option<UserId>>,
    /// Indexes in the frame by user. An element is valid only if `users` has the user there. The
    /// users of an element take it from each other and are then named again: so it stays small
    /// enough for the processor's cache, however many users there are.
    indexes: Vec<u32>,
}

impl NamedUsers {
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the vector has NAMED_USERS elements")]
    fn field_of<'a>(&mut self, name: Option<&'a UserName>, id: Option<UserId>) -> UserField<'a> {
        let Some(name) = name else { return UserField::None };
        if let Some(id) = id {
            if self.indexes.is_empty() {
                self.indexes.resize(NAMED_USERS, 0);
            }
            let index = &mut self.indexes[id.0 as usize % NAMED_USERS];
            if self.users.get(*index as usize) == Some(&Some(id)) {
                return UserField::Index(*index);
            }
            *index = self.users.len() as u32;
        }
        self.users.push(id);
        UserField::New(name)
    }

    fn clear(&mut self) {
        self.users.clear();
    }
}

fn user_of(record: &Record) -> Option<&UserName> {
    match record {
        Record::Transaction { command, .. } => command.user(),
        Record::Rejected { attempt, .. } => attempt.user.as_ref(),
        Record::Hit(hit) | Record::WatchedHit(hit) => Some(&hit.user),
        Record::Expired { user, .. } | Record::Filled { user, .. } => Some(user),
        Record::DumpFailed { user, .. } => user.as_ref(),
        Record::Market(_) | Record::Owner(_) => None,
    }
}

#[inline]
fn write<const IS_WIDE: bool>(
    record: &Record,
    user: UserField<'_>,
    out: &mut FieldWriter<'_, IS_WIDE>,
) {
    match record {
        Record::Transaction { number, assigned, command, price, outcome } => {
            let name = command.name() as u8;
            let (kind, flags) = match outcome {
                Outcome::Done(_) => (name, assigned_flag(*assigned)),
                Outcome::Refused(_) => (REFUSED | name, assigned_flag(*assigned)),
            };
            write_head(kind, flags | price_flags(*price), user, out);
            out.number(*number);
            layout::put_arguments(command, out);
            if let Some(used) = price {
                used.price.put(out);
            }
            match outcome {
                Outcome::Done(events) => {
                    for event in events {
                        event.put(out);
                    }
                    out.byte(END_OF_EVENTS);
                }
                Outcome::Refused(refusal) => refusal.put(out),
            }
        }
        Record::Rejected { number, assigned, attempt, refusal } => {
            write_head(REJECTED, assigned_flag(*assigned), user, out);
            out.number(*number);
            let Attempt { name, user: _, symbol, funds, filename } = attempt;
            name.put(out);
            symbol.put(out);
            funds.put(out);
            filename.put(out);
            refusal.put(out);
        }
        Record::Hit(hit) => write_hit(HIT, hit, user, out),
        Record::WatchedHit(hit) => write_hit(WATCHED_HIT, hit, user, out),
        Record::Expired { user: _, event } => {
            write_head(EXPIRED, 0, user, out);
            event.put(out);
        }
        Record::Filled { user: _, event } => {
            write_head(FILLED, 0, user, out);
            event.put(out);
        }
        Record::Market(MarketPosition { market, at }) => {
            write_head(MARKET, 0, user, out);
            out.number(u64::from(*market));
            out.time(*at);
        }
        Record::Owner(owner) => {
            write_head(OWNER, 0, user, out);
            let Owner { cluster, node, address, incarnation } = &**owner;
            cluster.put(out);
            node.put(out);
            address.put(out);
            out.time((incarnation >> 64) as u64);
            out.time(*incarnation as u64);
        }
        Record::DumpFailed { number, user: _, filename, refusal } => {
            write_head(DUMP_FAILED, 0, user, out);
            out.number(*number);
            filename.put(out);
            refusal.put(out);
        }
    }
}

const fn assigned_flag(assigned: bool) -> u8 {
    if assigned { ASSIGNED } else { 0 }
}

const fn price_flags(price: Option<PriceUsed>) -> u8 {
    match price {
        None => 0,
        Some(PriceUsed { cached: false, .. }) => PRICED,
        Some(PriceUsed { cached: true, .. }) => PRICED | CACHED,
    }
}

#[inline]
fn write_head<const IS_WIDE: bool>(
    kind: u8,
    flags: u8,
    user: UserField<'_>,
    out: &mut FieldWriter<'_, IS_WIDE>,
) {
    let user_flag = match user {
        UserField::None => NO_USER,
        UserField::Index(_) => 0,
        UserField::New(_) => NEW_USER,
    };
    out.byte(kind);
    out.byte(flags | user_flag | if IS_WIDE { WIDE } else { 0 });
    match user {
        UserField::None => {}
        UserField::Index(index) => out.short(index),
        UserField::New(name) => out.text(name.as_bytes()),
    }
}

fn write_hit<const IS_WIDE: bool>(
    kind: u8,
    hit: &Hit,
    user: UserField<'_>,
    out: &mut FieldWriter<'_, IS_WIDE>,
) {
    let Hit { number, user: _, symbol, price, source_time_ms, key } = hit;
    write_head(kind, 0, user, out);
    out.number(*number);
    symbol.put(out);
    price.put(out);
    out.time(*source_time_ms);
    key.put(out);
}

/// Reads the records of one frame.
#[derive(Debug, Default)]
pub(super) struct RecordReader {
    /// The users named so far, by index.
    users: Vec<UserName>,
}

impl RecordReader {
    /// Reads the record at offset `at`. Returns it and the offset after it; None if the bytes are
    /// not a record.
    pub(super) fn read(&mut self, bytes: &[u8], at: usize) -> Option<(Record, usize)> {
        let mut from = FieldReader::new(bytes, at);
        let (kind, flags) = (from.byte()?, from.byte()?);
        if flags & !FLAGS != 0 {
            return None;
        }
        from.set_width(flags & WIDE != 0);
        let mut user = None;
        self.read_user(flags, &mut from, &mut user)?;
        let record = read_record(kind, flags, user, &mut from)?;
        Some((record, from.at()))
    }

    /// Reads the user of a head into `user`, which stays None if the record has none.
    fn read_user(
        &mut self,
        flags: u8,
        from: &mut FieldReader<'_>,
        user: &mut Option<UserName>,
    ) -> Option<()> {
        match flags & (NEW_USER | NO_USER) {
            NO_USER => {}
            0 => *user = Some(self.users.get(from.short()? as usize)?.clone()),
            NEW_USER => {
                let name = UserName::parse_recorded(from.text()?)?;
                self.users.push(name.clone());
                *user = Some(name);
            }
            _ => return None,
        }
        Some(())
    }
}

fn read_record(
    kind: u8,
    flags: u8,
    user: Option<UserName>,
    from: &mut FieldReader<'_>,
) -> Option<Record> {
    let assigned = flags & ASSIGNED != 0;
    match kind {
        0..OTHERS => {
            let name = CommandName::ALL.get(usize::from(kind & !REFUSED)).copied()?;
            let number = from.number()?;
            let command = layout::take_arguments(name, user, from)?;
            let cached = flags & CACHED != 0;
            let price = match flags & PRICED {
                0 => None,
                _ => Some(PriceUsed { price: Field::take(from)?, cached }),
            };
            let outcome = if kind & REFUSED == 0 {
                Outcome::Done(read_events(from)?)
            } else {
                Outcome::Refused(Field::take(from)?)
            };
            Some(Record::Transaction { number, assigned, command, price, outcome })
        }
        REJECTED => {
            let number = from.number()?;
            let (name, symbol) = (Field::take(from)?, Field::take(from)?);
            let (funds, filename) = (Field::take(from)?, Field::take(from)?);
            let attempt = Attempt { name, user, symbol, funds, filename };
            Some(Record::Rejected { number, assigned, attempt, refusal: Field::take(from)? })
        }
        HIT => read_hit(user?, from).map(Record::Hit),
        WATCHED_HIT => read_hit(user?, from).map(Record::WatchedHit),
        EXPIRED => Some(Record::Expired { user: user?, event: Field::take(from)? }),
        FILLED => Some(Record::Filled { user: user?, event: Field::take(from)? }),
        DUMP_FAILED => {
            let (number, filename) = (from.number()?, Field::take(from)?);
            Some(Record::DumpFailed { number, user, filename, refusal: Field::take(from)? })
        }
        MARKET => {
            let market = u32::try_from(from.number()?).ok()?;
            Some(Record::Market(MarketPosition { market, at: from.time()? }))
        }
        OWNER => {
            let (cluster, node) = (Field::take(from)?, Field::take(from)?);
            let address = Field::take(from)?;
            let incarnation = u128::from(from.time()?) << 64 | u128::from(from.time()?);
            Some(Record::Owner(Box::new(Owner { cluster, node, address, incarnation })))
        }
        _ => None,
    }
}

fn read_events(from: &mut FieldReader<'_>) -> Option<Events> {
    let mut events = SmallVec::new();
    while from.peek()? != END_OF_EVENTS {
        events.push(Field::take(from)?);
    }
    from.byte()?;
    Some(events)
}

fn read_hit(user: UserName, from: &mut FieldReader<'_>) -> Option<Hit> {
    let (number, symbol, price) = (from.number()?, Field::take(from)?, Field::take(from)?);
    Some(Hit { number, user, symbol, price, source_time_ms: from.time()?, key: Field::take(from)? })
}
