//! Buckets for packages: where a stack keeps them, what may be the name of one, and the place of a package in it.
//! Which package goes there is `package`'s business.

use crate::limits;

/// Where packages of a stack go that are too large for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageBucket {
    /// The bucket with its appid, such as `deploy-1250000000`.
    pub name: String,
    /// Its region; none: the function's own.
    pub region: Option<String>,
    /// What keys begin with: empty, or ending in `/`.
    pub prefix: String,
}

/// What keys begin with unless told otherwise.
pub const PREFIX: &str = "provision/";

impl PackageBucket {
    /// The bucket of that name, in the region of whichever function needs it.
    ///
    /// # Errors
    /// A name that is no bucket's, in words.
    pub fn named(name: &str) -> Result<Self, String> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), region: None, prefix: PREFIX.to_owned() })
    }
}

/// Says what is wrong with a bucket's name (facts CAM 8.3).
///
/// # Errors
/// What is wrong, as a fragment.
pub fn check_name(name: &str) -> Result<(), String> {
    let label = name.len() <= limits::BUCKET_NAME
        && !name.starts_with('-')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let appid = name.rsplit_once('-').filter(|(own, id)| !own.is_empty() && id.len() >= 5);
    match appid {
        Some((_, id)) if label && id.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
        _ if label => Err(format!("`{name}` lacks the appid at its end")),
        _ => Err(format!("`{name}` is no bucket's name")),
    }
}

/// Says what is wrong with a prefix of keys.
///
/// # Errors
/// What is wrong, as a fragment.
pub fn check_prefix(prefix: &str) -> Result<(), String> {
    let plain = prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
    if plain && prefix.len() <= limits::PACKAGE_PREFIX && !prefix.starts_with('/') && !prefix.contains("//") {
        return Ok(());
    }
    Err(format!(
        "`{prefix}` is no prefix of keys: letters, digits and `-_./`, no `/` first, {} characters at most",
        limits::PACKAGE_PREFIX
    ))
}

/// An object that holds a package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The bucket with its appid.
    pub bucket: String,
    /// The bucket's region.
    pub region: String,
    /// The key, without a leading slash. It names the content, so that equal packages share an object.
    pub key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_with_its_appid() {
        for good in ["deploy-1250000000", "a-1-1250000000"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "deploy", "-1250000000", "Deploy-1250000000", "de_ploy-1250000000", "deploy-12x0000000"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name("deploy").is_err_and(|why| why.contains("appid")));
    }

    #[test]
    fn a_prefix_keeps_keys_plain() {
        for good in ["", "provision/", "a/b.c-d_e/"] {
            assert_eq!(check_prefix(good), Ok(()), "{good}");
        }
        for bad in ["/a", "a//b", "a b", "ä/", "a?b"] {
            assert!(check_prefix(bad).is_err(), "{bad}");
        }
    }
}
