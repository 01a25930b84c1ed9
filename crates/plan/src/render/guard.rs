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
    #[must_use]
    pub fn seal(&self, text: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        // No digest of a value begins like this: those begin with a length.
        mac.update(b"seal of a file\n");
        mac.update(text.as_bytes());
        crate::mark::hex(&mac.finalize().into_bytes())
    }

    /// Whether this is the seal of that text. Takes as long wherever the two differ.
    #[must_use]
    pub fn is_seal(&self, seal: &str, text: &str) -> bool {
        let made = self.seal(text);
        let differ = made.bytes().zip(seal.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        !made.is_empty() && made.len() == seal.len() && differ == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_fits_its_text_and_key_only() {
        let key = DigestKey::new(b"k");
        let seal = key.seal("text");
        assert!(key.is_seal(&seal, "text"));
        assert!(!key.is_seal(&seal, "test"));
        assert!(!DigestKey::new(b"other").is_seal(&seal, "text"));
        for wrong in ["", &seal[..63], &format!("{seal}0"), &seal.to_uppercase()] {
            assert!(!key.is_seal(wrong, "text"), "{wrong}");
        }
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
