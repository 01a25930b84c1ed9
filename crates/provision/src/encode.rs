//! Base64, the one encoding the API asks of us.

use base64::Engine as _;

/// Standard base64 with padding.
pub(crate) fn base64_text(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
