//! The last (or only) line of a reply, generated from the table of commands.

use super::value::{Cursor, DumpPath, ReplyValue};
use crate::code::Code;
use crate::refusal::Refusal;
use crate::types::{Money, Symbol, Tag, TradeTerms, UserName};
use crate::wire::fields::Fields;
use crate::wire::label::Label;
use crate::wire::line_buffer::{LineBuffer, SHORT_LINE_BYTES};

/// The last (or only) line of a reply, tagged like its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The request's tag.
    pub tag: Option<Tag>,
    /// The answer.
    pub body: ReplyBody,
}

/// Longest quote key that makes a short line, in bytes.
const SHORT_KEY_BYTES: usize = 100;
/// Bytes of a line before its fields: a tag, a blank, `OK,` and the longest name.
const HEAD_BYTES_MAX: usize = 21 + 1 + 3 + 16;

/// The head of a refusal, by its code.
static REFUSED: [Label; Code::ALL.len()] = Code::labels("ERR,", ",");

macro_rules! define_replies {
    (
        commands {
            $($command:ident $text:literal $arguments:tt -> { $($field:ident: $type:ty),* })*
        }
        session {
            $($session:ident $word:literal $parameters:tt -> { $($part:ident: $kind:ty),* })*
        }
    ) => {
        /// The content of a reply. The fields are those of docs/PROTOCOL.md; `_ms` is Unix
        /// milliseconds.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is the reply of that name in docs/PROTOCOL.md")]
        pub enum ReplyBody {
            $($command { $($field: $type),* },)*
            $($session { $($part: $kind),* },)*
            Refused { code: Code, message: Box<str> },
        }

        impl ReplyBody {
            /// Returns the first fields of the line.
            const fn head(&self) -> &'static Label {
                match self {
                    $(Self::$command { .. } => const { &Label::of(&["OK,", $text]) },)*
                    $(Self::$session { .. } => const { &Label::of(&["OK,", $word]) },)*
                    Self::Refused { .. } => const { &Label::of(&["ERR"]) },
                }
            }

            /// Returns true if the line is short whatever its fields hold.
            const fn is_short(&self) -> bool {
                match self {
                    $(Self::$command { .. } => fits(&[$(<$type>::BYTES_MAX),*]),)*
                    $(Self::$session { .. } => fits(&[$(<$kind>::BYTES_MAX),*]),)*
                    Self::Refused { .. } => false,
                }
            }

            /// Appends the fields to a line that begins with the head.
            #[inline]
            fn write_fields(&self, line: &mut impl Fields) {
                match self {
                    $(Self::$command { $($field),* } => { $($field.write(line);)* })*
                    $(Self::$session { $($part),* } => { $($part.write(line);)* })*
                    Self::Refused { code, message } => {
                        line.text(code.as_str()).text(message);
                    }
                }
            }

            /// Reads the fields of an OK reply after the command's name.
            fn read(name: &str, fields: &mut Cursor<'_>) -> Option<Self> {
                Some(match name {
                    $($text => Self::$command { $($field: ReplyValue::read(fields)?),* },)*
                    $($word => Self::$session { $($part: ReplyValue::read(fields)?),* },)*
                    _ => return None,
                })
            }
        }
    };
}

crate::command_table!(define_replies);

/// Returns true if a line with fields of at most these sizes is a short line.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const fn fits(bytes_max: &[usize]) -> bool {
    let (mut sum, mut at) = (HEAD_BYTES_MAX, 0);
    while at < bytes_max.len() {
        sum = sum.saturating_add(bytes_max[at]);
        at += 1;
    }
    sum <= SHORT_LINE_BYTES
}

impl ReplyBody {
    /// Creates the reply of a refusal, with the text of its `Display`.
    pub fn refused(refusal: &Refusal) -> Self {
        Self::Refused { code: refusal.code(), message: refusal.to_string().into() }
    }

    /// Appends the line of a refusal, with the text of its `Display`.
    #[expect(clippy::indexing_slicing, reason = "there is a label for each code")]
    pub fn write_refusal(refusal: &Refusal, tag: Option<Tag>, out: &mut LineBuffer) {
        if let Refusal::DumpFailed(_) = refusal {
            // Its cause can be of any length.
            return Self::refused(refusal).write_to(tag, out);
        }
        out.short_line(|line| {
            line.begin(tag).label(&REFUSED[refusal.code() as usize]);
            refusal.write_message(line);
        });
    }

    /// Appends the line of a QUOTE.
    pub fn write_quote(
        symbol: Symbol,
        price: Money,
        at_ms: u64,
        key: &str,
        tag: Option<Tag>,
        out: &mut LineBuffer,
    ) {
        if key.len() > SHORT_KEY_BYTES {
            let key = key.into();
            return Self::Quote { symbol, price, at_ms, key }.write_to(tag, out);
        }
        out.short_line(|line| {
            line.begin(tag).put(b"OK,QUOTE").symbol(symbol).money(price).int(at_ms).text(key);
        });
    }

    /// Appends the line.
    pub fn write_to(&self, tag: Option<Tag>, out: &mut LineBuffer) {
        if self.is_short() {
            return out.short_line(|line| self.write_fields(line.begin(tag).label(self.head())));
        }
        out.line(|line| self.write_fields(line.begin(tag).label(self.head())));
    }

    /// Reads the fields after `OK,`.
    pub(super) fn parse_ok(fields: &str) -> Option<Self> {
        let mut fields = Cursor::new(fields);
        let name = fields.text()?;
        let body = Self::read(name, &mut fields)?;
        fields.end(body)
    }

    /// Reads the fields after `ERR,`.
    pub(super) fn parse_error(fields: &str) -> Option<Self> {
        let (code, message) = fields.split_once(',')?;
        Some(Self::Refused { code: Code::parse(code.as_bytes())?, message: message.into() })
    }
}
