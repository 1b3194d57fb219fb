//! Passwords and tokens.

use std::fmt;
use zeroize::Zeroize as _;

/// Shortest secret, bytes.
pub const SECRET_BYTES_MIN: usize = 12;
/// Longest secret, bytes.
pub const SECRET_BYTES_MAX: usize = 128;

/// A password or token: 12 to 128 printable ASCII characters without comma or blank. It prints as
/// `***`, and its memory is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Parses a secret. Returns None if the form is invalid.
    pub fn parse(field: &[u8]) -> Option<Self> {
        let fits = (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&field.len());
        let allowed = |byte: &u8| byte.is_ascii_graphic() && *byte != b',';
        let text = std::str::from_utf8(field).ok().filter(|_| fits)?;
        field.iter().all(allowed).then(|| Self(text.to_owned()))
    }

    /// Returns the text, to verify it or to send it. It must never be printed or stored otherwise.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_twelve_to_128_printable_characters_and_never_prints() {
        for good in ["twelve-chars", "dt1_0a1b2c3d_x~!\"#", &"x".repeat(128)] {
            let secret = Secret::parse(good.as_bytes()).unwrap();
            assert_eq!((secret.expose(), format!("{secret:?}").as_str()), (good, "***"));
        }
        for bad in
            ["eleven-char", "with a blank", "with,a,comma", "twelve-ch\u{e4}rs", &"x".repeat(129)]
        {
            assert!(Secret::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
