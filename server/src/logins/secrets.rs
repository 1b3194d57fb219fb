//! Secrets: how they are made, what is kept of them, and how they are compared.

use anyhow::Context as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use daytrade_protocol::Secret;
use rand::TryRng as _;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

/// Memory of a password's hash, KiB; passes over it; threads.
const PASSWORD_COST: (u32, u32, u32) = (19_456, 2, 1);
/// Begin of every token; the number is the version of its form.
const TOKEN_PREFIX: &str = "dt1_";
/// Begin of every invitation.
const INVITATION_PREFIX: &str = "dti_";
/// Random bytes of a token or an invitation.
const TOKEN_BYTES: usize = 32;

/// A token, shown once, and what is kept of it.
#[derive(Debug)]
pub(crate) struct NewToken {
    /// The secret.
    pub secret: String,
    /// Its public part; empty for an invitation.
    pub id: String,
    /// SHA-256 of the secret, in hexadecimal digits.
    pub sha256: String,
}

/// Returns random text of this many bytes of randomness.
///
/// # Errors
/// If the system has no randomness.
pub(crate) fn random_text(bytes: usize) -> anyhow::Result<String> {
    let mut random = vec![0; bytes];
    rand::rngs::SysRng.try_fill_bytes(&mut random).context("the system has no randomness")?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// Returns a new password of 96 random bits.
///
/// # Errors
/// If the system has no randomness.
pub(crate) fn new_password() -> anyhow::Result<String> {
    random_text(12)
}

/// Returns a new token for a script.
///
/// # Errors
/// If the system has no randomness.
pub(crate) fn new_token() -> anyhow::Result<NewToken> {
    let mut id = [0; 4];
    rand::rngs::SysRng.try_fill_bytes(&mut id).context("the system has no randomness")?;
    let id = hex(&id);
    let secret = format!("{TOKEN_PREFIX}{id}_{}", random_text(TOKEN_BYTES)?);
    let sha256 = sha256(&secret);
    Ok(NewToken { secret, id, sha256 })
}

/// Returns a new invitation.
///
/// # Errors
/// If the system has no randomness.
pub(crate) fn new_invitation() -> anyhow::Result<NewToken> {
    let secret = format!("{INVITATION_PREFIX}{}", random_text(TOKEN_BYTES)?);
    let sha256 = sha256(&secret);
    Ok(NewToken { secret, id: String::new(), sha256 })
}

/// Returns the id of a token; None if the secret is not one.
pub(super) fn token_id(secret: &Secret) -> Option<&str> {
    let (id, random) = secret.expose().strip_prefix(TOKEN_PREFIX)?.split_once('_')?;
    (id.len() == 8 && random.len() == 43).then_some(id)
}

/// Returns true if the secret has the form of an invitation.
pub(super) fn is_invitation(secret: &Secret) -> bool {
    secret.expose().starts_with(INVITATION_PREFIX)
}

/// Returns true if a secret can be a password: it is not taken for a token or an invitation.
pub(crate) fn is_password_form(secret: &Secret) -> bool {
    token_id(secret).is_none() && !is_invitation(secret)
}

/// Returns true if the secret has this SHA-256, in a time that does not depend on it.
pub(super) fn has_sha256(secret: &Secret, want: &str) -> bool {
    sha256(secret.expose()).as_bytes().ct_eq(want.as_bytes()).into()
}

fn sha256(secret: &str) -> String {
    hex(digest(&SHA256, secret.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn hasher() -> anyhow::Result<Argon2<'static>> {
    let (memory, passes, threads) = PASSWORD_COST;
    let params = Params::new(memory, passes, threads, None);
    let params = params.map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Returns the hash of a password, which takes about 40 ms.
///
/// # Errors
/// If the system has no randomness.
pub(crate) fn hash_password(secret: &Secret) -> anyhow::Result<String> {
    let mut salt = [0; 16];
    rand::rngs::SysRng.try_fill_bytes(&mut salt).context("the system has no randomness")?;
    let hash = hasher()?.hash_password_with_salt(secret.expose().as_bytes(), &salt);
    Ok(hash.map_err(|error| anyhow::anyhow!("argon2: {error}"))?.to_string())
}

/// Returns true if a password has this hash. Takes about 40 ms.
pub(super) fn is_password(secret: &Secret, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(secret.expose().as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_password_is_verified_by_a_hash_of_the_prescribed_cost() {
        let password = secret(&new_password().unwrap());
        let hash = hash_password(&password).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_password(&password, &hash) && !is_password(&secret("twelve-chars"), &hash));
        assert!(!is_password(&password, "nonsense"));
    }

    #[test]
    fn a_token_has_an_id_and_is_compared_by_its_hash() {
        let token = new_token().unwrap();
        let of = secret(&token.secret);
        assert_eq!(token_id(&of), Some(token.id.as_str()));
        assert!(has_sha256(&of, &token.sha256) && !has_sha256(&of, &"0".repeat(64)));
        assert_eq!(token.secret.len(), 56);
        assert_eq!(token_id(&secret("dt1_short_secret")), None);
        assert!(is_invitation(&secret(&new_invitation().unwrap().secret)) && !is_invitation(&of));
    }
}
