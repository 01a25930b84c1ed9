//! How guarded values are shown: 8 hex digits of HMAC-SHA256 over address, path and value (design rule 8).
//! Without the key a digest tells nothing; with one key, equal digests mean equal values.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::address::ResourceAddress;
use crate::attributes::Side;

/// The key of a run.
#[derive(Clone)]
pub struct DigestKey(Vec<u8>);

impl std::fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

impl DigestKey {
    /// Takes a key of any length.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        Self(key.to_vec())
    }

    /// The digest of one side of a difference; `None` when it is not set.
    #[must_use]
    pub fn digest(&self, address: &ResourceAddress, path: &str, side: &Side) -> Option<String> {
        if side.value.is_null() {
            return None;
        }
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return None };
        for part in [address.as_str(), path, &side.value.to_string()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Some(crate::mark::hex(&mac.finalize().into_bytes())[..8].to_owned())
    }

    /// The seal of a whole file: 64 hex of HMAC-SHA256. Whoever has the key can tell that the file was made with it.
    /// `write` gives the file's bytes; nothing where they cannot be had.
    #[must_use]
    pub fn seal(&self, write: impl FnOnce(&mut Sealing) -> std::io::Result<()>) -> Option<String> {
        let mut sealing = Sealing(Hmac::new_from_slice(&self.0).ok()?);
        // No digest of a value begins like this: those begin with a length.
        sealing.0.update(b"seal of a file\n");
        write(&mut sealing).ok()?;
        Some(crate::mark::hex(&sealing.0.finalize().into_bytes()))
    }
}

/// Whether two seals are the same. Takes as long wherever they differ.
#[must_use]
pub fn same_seal(one: &str, other: &str) -> bool {
    let differ = one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    !one.is_empty() && one.len() == other.len() && differ == 0
}

/// Takes the bytes of a file that is sealed.
pub struct Sealing(Hmac<Sha256>);

impl std::io::Write for Sealing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_seal_fits_its_text_and_key_only() {
        let seal =
            |key: &[u8], text: &str| DigestKey::new(key).seal(|to| to.write_all(text.as_bytes())).unwrap_or_default();
        let made = seal(b"k", "text");
        assert!(same_seal(&made, &seal(b"k", "text")));
        assert!(!same_seal(&made, &seal(b"k", "test")));
        assert!(!same_seal(&made, &seal(b"other", "text")));
        for wrong in ["", &made[..63], &format!("{made}0"), &made.to_uppercase()] {
            assert!(!same_seal(wrong, &made), "{wrong}");
        }
        assert!(!same_seal("", ""));
    }

    #[test]
    fn a_digest_depends_on_key_address_path_and_value() {
        let side = |v: &str| Side { value: v.into(), guarded: true };
        let (a, b) = (ResourceAddress::function("a"), ResourceAddress::function("b"));
        let key = DigestKey::new(b"k");
        let base = key.digest(&a, "environment.X", &side("v"));
        assert_eq!(base, key.digest(&a, "environment.X", &side("v")));
        for other in [
            DigestKey::new(b"l").digest(&a, "environment.X", &side("v")),
            key.digest(&b, "environment.X", &side("v")),
            key.digest(&a, "environment.Y", &side("v")),
            key.digest(&a, "environment.X", &side("w")),
        ] {
            assert_ne!(base, other);
        }
        assert_eq!(base.map(|d| d.len()), Some(8));
    }
}
