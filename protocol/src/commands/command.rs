//! Commands as values, generated from the table.

use super::argument::Arguments;
use super::name::{CommandName, SessionName};
use super::value::{ArgumentValue, CommandFields, argument_type};
use crate::refusal::Refusal;
use crate::types::{Money, Symbol, UserName};
use crate::wire::fields::Fields;
use crate::wire::plain::PlainReader;
use serde::{Deserialize, Serialize};

/// The user of a command, which every command but one has.
trait NamesUser {
    fn named(&self) -> Option<&UserName>;
}

impl NamesUser for UserName {
    #[inline]
    fn named(&self) -> Option<&UserName> {
        Some(self)
    }
}

impl NamesUser for Option<UserName> {
    #[inline]
    fn named(&self) -> Option<&UserName> {
        self.as_ref()
    }
}

/// Reads the arguments of one row in the order in which they are sent.
macro_rules! read_arguments {
    (
        $fields:ident, $all:expr, $value:path { $([$optional:ident],)? $($argument:ident),* }
    ) => {{
        let mut fields = $fields.reader();
        let _ = &mut fields;
        $value {
            $($optional: if $all { ArgumentValue::parse(fields.next())? } else { None },)?
            $($argument: ArgumentValue::parse(fields.next())?),*
        }
    }};
}

macro_rules! define_commands {
    (
        commands {
            $($command:ident $text:literal ($([$optional:ident],)? $($argument:ident),*)
                -> $reply:tt)*
        }
        session {
            $($session:ident $word:literal ($($field:ident),* $(; $($late:ident),+)?)
                -> $answer:tt)*
        }
    ) => {
        /// A well-formed audited command: names checked, amount in range. Its layout is part of the
        /// journal format.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the fields are the arguments in docs/PROTOCOL.md")]
        pub enum Command {
            $($command {
                $($optional: Option<argument_type!($optional)>,)?
                $($argument: argument_type!($argument)),*
            }),*
        }

        /// A command about the connection, which is not audited.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the fields are the arguments in docs/PROTOCOL.md")]
        pub enum SessionCommand {
            $($session {
                $($field: argument_type!($field),)*
                $($($late: Option<argument_type!($late)>),+)?
            }),*
        }

        impl Command {
            /// Returns the command's name.
            #[inline]
            pub const fn name(&self) -> CommandName {
                match self { $(Self::$command { .. } => CommandName::$command),* }
            }

            /// Returns the user it is for; None only for a DUMPLOG of the whole log.
            #[inline]
            pub fn user(&self) -> Option<&UserName> {
                match self { $(Self::$command { user, .. } => user.named()),* }
            }

            /// Returns the fields that the audit log shows.
            #[inline]
            pub fn fields(&self) -> CommandFields<'_> {
                let mut fields = CommandFields::default();
                match self {
                    $(Self::$command { $($optional,)? $($argument),* } => {
                        $($optional.note(&mut fields);)?
                        $($argument.note(&mut fields);)*
                    })*
                }
                fields
            }

            /// Reads the arguments of a command.
            pub(crate) fn parse(
                name: CommandName,
                fields: &Arguments<'_>,
            ) -> Result<Self, Refusal> {
                Ok(match name {
                    $(CommandName::$command => {
                        let arguments = const { CommandName::$command.arguments() };
                        if !fields.fit(arguments) {
                            return Err(Refusal::BadArguments(name));
                        }
                        read_arguments!(
                            fields,
                            fields.are_all(arguments),
                            Self::$command { $([$optional],)? $($argument),* }
                        )
                    }),*
                })
            }

            /// Reads the arguments of a command in their plain form. Returns None if the general
            /// parser has to read them.
            #[inline]
            pub(crate) fn read_plain(
                name: CommandName,
                from: &mut PlainReader<'_>,
            ) -> Option<Self> {
                match name {
                    $(CommandName::$command => {
                        $(let $optional = PlainReader::optional()?;)?
                        $(let $argument = ArgumentValue::read_plain(from)?;)*
                        Some(Self::$command { $($optional,)? $($argument),* })
                    }),*
                }
            }

            /// Appends the arguments to a line that begins with the name.
            pub(crate) fn write_arguments(&self, line: &mut impl Fields) {
                match self {
                    $(Self::$command { $($optional,)? $($argument),* } => {
                        $($optional.write(line);)?
                        $($argument.write(line);)*
                    })*
                }
            }
        }

        impl SessionCommand {
            /// Returns the command's name.
            pub const fn name(&self) -> SessionName {
                match self { $(Self::$session { .. } => SessionName::$session),* }
            }

            /// Reads the arguments of a command.
            pub(crate) fn parse(
                name: SessionName,
                fields: &Arguments<'_>,
            ) -> Result<Self, Refusal> {
                if !fields.fit(name.arguments()) {
                    return Err(Refusal::BadSessionArguments);
                }
                Ok(match name {
                    $(SessionName::$session => {
                        let mut fields = fields.reader();
                        let _ = &mut fields;
                        Self::$session {
                            $($field: ArgumentValue::parse(fields.next())?,)*
                            $($($late: late_argument(fields.next())?),+)?
                        }
                    })*
                })
            }

            /// Appends the arguments to a line that begins with the name.
            pub(crate) fn write_arguments(&self, line: &mut impl Fields) {
                let _ = &line;
                match self {
                    $(Self::$session { $($field,)* $($($late),+)? } => {
                        $($field.write(line);)*
                        $(
                            let sent = [$($late.is_some()),+];
                            let last = sent.iter().rposition(|sent| *sent);
                            let mut left = last.map_or(0, |at| at + 1);
                            $(if left > 0 {
                                left -= 1;
                                write_late(line, $late.as_ref());
                            })+
                            let _ = left;
                        )?
                    })*
                }
            }
        }
    };
}

crate::command_table!(define_commands);

/// Reads an argument that may be empty or missing.
fn late_argument<T: ArgumentValue>(field: &[u8]) -> Result<Option<T>, Refusal> {
    if field.is_empty() { Ok(None) } else { T::parse(field).map(Some) }
}

/// Appends an argument that may be empty.
fn write_late<T: ArgumentValue>(line: &mut impl Fields, value: Option<&T>) {
    match value {
        Some(value) => value.write(line),
        None => {
            line.text("");
        }
    }
}

impl Command {
    /// Returns the stock it names.
    #[inline]
    pub fn symbol(&self) -> Option<Symbol> {
        self.fields().symbol
    }

    /// Returns the amount or trigger price it names.
    #[inline]
    pub fn funds(&self) -> Option<Money> {
        self.fields().funds
    }
}
