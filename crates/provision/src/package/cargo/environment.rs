//! The environment that build children get: an allow-list, because build scripts and procedural macros are foreign
//! code and the credentials of the cloud, the CI system and this program are none of its business. What would change
//! the result without changing the digest (`RUSTFLAGS`, `CARGO_PROFILE_*`, `RUSTUP_TOOLCHAIN`) is not on the list
//! either: such settings belong into `.cargo/config.toml` or `rust-toolchain.toml`, where the digest sees them.

use std::ffi::OsString;

/// Passed on when set, in either case of letters. In order: the machine; Rust's tools, where they live and where they
/// download from; linkers; the network; C compilers, for packages that bring C code.
const NAMES: &str = "
    PATH HOME USER LOGNAME USERPROFILE SYSTEMROOT APPDATA LOCALAPPDATA TMPDIR TMP TEMP LANG LC_ALL TZ
    LD_LIBRARY_PATH DEVELOPER_DIR SDKROOT
    CARGO_HOME RUSTUP_HOME RUSTUP_DIST_SERVER RUSTUP_UPDATE_ROOT CARGO_BUILD_JOBS
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR
    CC CXX AR RANLIB CFLAGS CXXFLAGS CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH LIBRARY_PATH CMAKE
    PKG_CONFIG PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
    ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR
";

/// The same settings for one target (`CC_x86_64_unknown_linux_musl`), and cargo's ways to reach a mirror. No name
/// with a token in it begins like this; registry tokens are `CARGO_REGISTRIES_*`.
const PREFIXES: &str = "CC_ CXX_ AR_ RANLIB_ CFLAGS_ CXXFLAGS_ CARGO_HTTP_ CARGO_NET_ CARGO_SOURCE_";

/// What of this process's environment build children get.
pub(super) fn of_children() -> Vec<(OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_allowed)).collect()
}

fn is_allowed(name: &str) -> bool {
    NAMES.split_whitespace().any(|allowed| allowed.eq_ignore_ascii_case(name))
        || PREFIXES.split_whitespace().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_reach_build_children() {
        for name in "TENCENTCLOUD_SECRET_ID TENCENTCLOUD_SECRET_KEY TENCENTCLOUD_TOKEN ACTIONS_ID_TOKEN_REQUEST_TOKEN \
            GITHUB_TOKEN CI_JOB_TOKEN PROVISION_DIGEST_KEY PROVISION_VAR_key AWS_SECRET_ACCESS_KEY \
            CARGO_REGISTRY_TOKEN CARGO_REGISTRIES_MINE_TOKEN SSH_AUTH_SOCK WECOM_WEBHOOK_KEY"
            .split_whitespace()
        {
            assert!(!is_allowed(name), "{name}");
        }
    }

    #[test]
    fn flags_that_the_digest_does_not_see_do_not_reach_build_children() {
        for name in
            "RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTUP_TOOLCHAIN CARGO_PROFILE_RELEASE_LTO RUSTC".split_whitespace()
        {
            assert!(!is_allowed(name), "{name}");
        }
    }

    #[test]
    fn tools_mirrors_and_proxies_are_found() {
        for name in "PATH HOME CARGO_HOME https_proxy NO_PROXY CC_x86_64_unknown_linux_musl Path".split_whitespace() {
            assert!(is_allowed(name), "{name}");
        }
    }
}
