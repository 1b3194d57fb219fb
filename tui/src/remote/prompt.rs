//! Questions to the user in the terminal, apart from standard input and output.

use anyhow::Context as _;
use daytrade_protocol::Secret;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use zeroize::Zeroizing;

/// Returns true if there is somebody to ask.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question and returns the line of the answer.
///
/// # Errors
/// If the terminal cannot be read.
pub(super) fn line(question: &str) -> anyhow::Result<String> {
    let mut out = io::stderr();
    write!(out, "{question}").and_then(|()| out.flush())?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}

/// Asks for a secret, which the terminal does not show. Without a terminal it is the next line of
/// standard input.
///
/// # Errors
/// If it cannot be read or has not the form of a secret.
pub(super) fn secret(question: &str) -> anyhow::Result<Secret> {
    let mut text = Zeroizing::new(String::new());
    if io::stdin().is_terminal() {
        *text = rpassword::prompt_password(question)?;
    } else {
        io::stdin().lock().read_line(&mut text)?;
    }
    let secret = Secret::parse(text.trim_end_matches(['\r', '\n']).as_bytes());
    secret.context("a password has 12 to 128 printable characters, no comma and no blank")
}

/// Asks for a new password; in a terminal twice.
///
/// # Errors
/// As [`secret`], or if the two differ.
pub(super) fn new_secret() -> anyhow::Result<Secret> {
    let secret = secret("new password: ")?;
    if io::stdin().is_terminal() {
        let again = self::secret("once more: ")?;
        anyhow::ensure!(secret == again, "the two are not the same");
    }
    Ok(secret)
}
