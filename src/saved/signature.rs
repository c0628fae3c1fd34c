//! Ed25519 signatures (RFC 8032) of the lines of a ledger and so, through their hashes, of all files that they name. Keys are
//! PEM files as `openssl` writes them.
use crate::base::{Error, Result};
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use std::fs;
use std::path::{Path, PathBuf};

/// The environment variable with the path of the secret key.
const VARIABLE: &str = "HALOCLINE_SIGNING_KEY";

/// The secret key with which this process signs; none if the environment names no key.
///
/// # Errors
/// If the file does not hold a secret key.
pub(crate) fn secret_key() -> Result<Option<SigningKey>> {
    let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else { return Ok(None) };
    let key = SigningKey::from_pkcs8_pem(&text(&path)?);
    key.map(Some).map_err(|e| {
        Error::input(format!("{VARIABLE}: {} is not a secret Ed25519 key: {e}", path.display()))
            .remedy("make one: openssl genpkey -algorithm ed25519 -out key.pem")
    })
}

/// Reads a public key.
///
/// # Errors
/// If the file does not hold a public key.
pub(super) fn public_key(path: &Path) -> Result<VerifyingKey> {
    VerifyingKey::from_public_key_pem(&text(path)?).map_err(|e| {
        Error::input(format!("{} is not a public Ed25519 key: {e}", path.display()))
            .remedy("derive it from the secret one: openssl pkey -in key.pem -pubout -out key.pub")
    })
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Error::file("read", path, e).as_input())
}

/// The signature of a text, in hexadecimal digits.
pub(super) fn sign(key: &SigningKey, text: &str) -> String {
    key.sign(text.as_bytes()).to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// True if `signature` is the signature of `text` made with the secret part of this key.
pub(super) fn is_signed(key: &VerifyingKey, text: &str, signature: &str) -> bool {
    let byte = |i: usize| u8::from_str_radix(signature.get(2 * i..2 * i + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..signature.len() / 2).map(byte).collect();
    let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
    signature.is_some_and(|signature| key.verify_strict(text.as_bytes(), &signature).is_ok())
}
