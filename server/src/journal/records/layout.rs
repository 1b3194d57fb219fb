//! The layouts of events, refusals and the arguments of commands.
//!
//! docs/JOURNAL.md has the same tables, held to these by a test. Codes are for ever: add new ones,
//! and never change or reuse one.

use super::fields::{Field, FieldReader, FieldWriter};
use crate::engine::Event;
use daytrade_protocol::{Command, CommandName, Refusal, UserName, command_table};

/// Writes one field of a variant; `time` marks a time in Unix milliseconds.
macro_rules! put {
    ($out:ident, $field:ident) => {
        $field.put($out)
    };
    ($out:ident, $field:ident, time) => {
        $out.time(*$field)
    };
}

/// Reads one field of a variant.
macro_rules! take {
    ($from:ident) => {
        Field::take($from)?
    };
    ($from:ident, time) => {
        $from.time()?
    };
}

/// Implements [`Field`] for an enum: the code of the variant, then its fields in this order. A
/// field in parentheses has no name in the enum.
macro_rules! layout {
    ($type:ident, $rows:ident {
        $($code:literal $variant:ident
            $({ $($field:ident $(as $kind:ident)?),* })?
            $(( $($item:ident),* ))?;)+
    }) => {
        impl Field for $type {
            #[inline]
            fn put<const WIDE: bool>(&self, out: &mut FieldWriter<'_, WIDE>) {
                match self {
                    $($type::$variant $({ $($field),* })? $(( $($item),* ))? => {
                        out.byte($code);
                        $($(put!(out, $field $(, $kind)?);)*)?
                        $($(put!(out, $item);)*)?
                    })+
                }
            }

            fn take(from: &mut FieldReader<'_>) -> Option<Self> {
                Some(match from.byte()? {
                    $($code => $type::$variant
                        $({ $($field: take!(from $(, $kind)?)),* })?
                        $(( $({ let $item = take!(from); $item }),* ))?,)+
                    _ => return None,
                })
            }
        }

        /// Code, name and fields of each variant.
        #[cfg(test)]
        pub(super) const $rows: &[(u8, &str, &[&str])] = &[
            $(($code, stringify!($variant), &[
                $($(stringify!($field)),*)? $($(stringify!($item)),*)?
            ]),)+
        ];
    };
}

layout!(Event, EVENTS {
    1 CashAdded { amount };
    2 Reserved { side, symbol, shares, price, total, number, expires_at_ms as time };
    3 Committed { side, symbol, shares, price, total, basis };
    4 Cancelled { side, symbol, shares, price, total };
    5 Expired { side, symbol, shares, price, total, number };
    6 AmountSet { side, symbol, amount, amount_before, shares, shares_before };
    7 Armed { side, symbol, price, shares, shares_before, number };
    8 Unset { side, symbol, amount, shares };
    9 Filled { side, symbol, shares, price, total, amount, basis, number };
});

layout!(Refusal, REFUSALS {
    0 NotText;
    1 ControlCharacter;
    2 BadTag;
    3 LineTooLong;
    4 UnknownCommand;
    5 BadArguments(command);
    6 BadSessionArguments;
    7 BadUser;
    8 BadSymbol;
    9 BadAmount;
    10 BadFilename;
    11 FilenameLeadsOut;
    12 NoAccount;
    13 InsufficientFunds { needed, available };
    14 InsufficientShares { symbol, needed, free };
    15 AmountTooSmall { symbol, amount, price };
    16 NoPendingBuy;
    17 NoPendingSell;
    18 NoSetBuy(symbol);
    19 NoSetSell(symbol);
    20 TooManyPending(most);
    21 BalanceTooLarge;
    22 HoldingTooLarge;
    23 TooManySubscriptions(most);
    24 QuoteUnavailable(symbol);
    25 DumpFailed(text);
    26 TooManyConnections;
    27 ShuttingDown;
    28 ReadOnly;
    29 DiskAlmostFull;
    30 ReservedUser;
    31 TooManySubscribers(most);
    32 HiddenFilename;
    33 BadSecret;
    34 AuthRequired;
    35 AuthFailed;
    36 LoggedInAlready;
    37 NeedsReply;
    38 NoLogins;
    39 Forbidden;
    40 NeedsPassword;
    41 NoPasswordSession;
    42 RateLimited(wait_s);
    43 TooManyOfLogin(most);
    44 TooManyOfAddress(most);
    45 TlsRequired;
    46 NoMarketClock;
    47 MarketEnded;
    48 MarketBehind;
    49 TooManyReaders(most);
    50 Moved(text);
    51 Unknown;
    52 NoOwner;
    53 BadMarketCommand;
});

/// Writes an argument, which the table names and the variable holds. The user is in the record's
/// head.
macro_rules! put_argument {
    ($out:ident, user, $value:ident) => {
        let _ = $value;
    };
    ($out:ident, $argument:ident, $value:ident) => {
        $value.put($out);
    };
}

/// Reads an argument. The user is the one in the record's head.
macro_rules! take_argument {
    ($from:ident, $user:ident, user) => {
        $user?
    };
    ($from:ident, $user:ident, $argument:ident) => {
        Field::take($from)?
    };
}

macro_rules! command_layouts {
    (
        commands {
            $($command:ident $text:literal ($([$optional:ident],)? $($argument:ident),*)
                -> $reply:tt)*
        }
        session $session:tt
    ) => {
        /// Writes the arguments of a command in the order of the table, without the user.
        #[inline]
        pub(super) fn put_arguments<const WIDE: bool>(
            command: &Command,
            out: &mut FieldWriter<'_, WIDE>,
        ) {
            match command {
                $(Command::$command { $($optional: _,)? $($argument),* } => {
                    $(put_argument!(out, $argument, $argument);)*
                })*
            }
        }

        /// Reads the arguments of a command. `user` is the user in the record's head; only an
        /// optional user may be None.
        pub(super) fn take_arguments(
            name: CommandName,
            user: Option<UserName>,
            from: &mut FieldReader<'_>,
        ) -> Option<Command> {
            Some(match name {
                $(CommandName::$command => Command::$command {
                    $($optional: user,)?
                    $($argument: take_argument!(from, user, $argument)),*
                },)*
            })
        }
    };
}

command_table!(command_layouts);
