//! The two kinds of globs in a manifest: `exclude` of a folder and `inputs` of a cargo package. In both, `*` and `?`
//! stop at `/` while `**` does not, whatever the machine.

use globset::{GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

use super::PackageError;

/// What is left out of a packed folder. The rules stand at [`super::dir()`].
pub(super) struct Exclude(GlobSet);

impl Exclude {
    pub(super) fn new(globs: &[String]) -> Result<Self, PackageError> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let pattern = glob.strip_prefix("./").unwrap_or(glob).trim_end_matches('/');
            let anchored = match pattern.strip_prefix('/') {
                Some(rest) => rest.to_owned(),
                None if pattern.contains('/') => pattern.to_owned(),
                None => format!("**/{pattern}"),
            };
            set.add(compile(glob, &anchored)?);
        }
        match set.build() {
            Ok(set) => Ok(Self(set)),
            Err(source) => Err(PackageError::BadGlob { glob: globs.join(", "), source }),
        }
    }

    /// Whether a file or folder is left out; `name` is relative to the packed folder.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// An `inputs:` glob, split where its first special character stands: a plain path to resolve, and a glob below it.
pub(super) struct Input {
    /// Plain leading folders, relative to the manifest; may hold `..`; `.` when there are none.
    pub(super) base: String,
    /// What must match below `base`; `None` when the whole glob is a plain path.
    pub(super) rest: Option<GlobMatcher>,
}

impl Input {
    pub(super) fn new(glob: &str) -> Result<Self, PackageError> {
        let parts: Vec<&str> = glob.split('/').collect();
        let plain = parts.iter().take_while(|part| !part.contains(['*', '?', '[', '{', '\\'])).count();
        let base = match (plain, glob.starts_with('/')) {
            (0, _) => ".".to_owned(),
            (_, true) => return Err(PackageError::AbsolutePath { path: glob.into() }),
            (_, false) => parts[..plain].join("/"),
        };
        let rest = match &parts[plain..] {
            [] => None,
            rest => Some(compile(glob, &rest.join("/"))?.compile_matcher()),
        };
        Ok(Self { base, rest })
    }
}

/// One glob as this module reads them; errors name it as it was declared.
pub(super) fn compile(declared: &str, pattern: &str) -> Result<globset::Glob, PackageError> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|source| PackageError::BadGlob { glob: declared.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(glob: &str, name: &str, expected: bool) {
        let exclude = Exclude::new(&[glob.to_owned()]).unwrap();
        assert_eq!(exclude.matches(name), expected, "{glob} against {name}");
    }

    #[test]
    fn a_glob_without_slash_matches_names_at_any_depth() {
        check("*.md", "README.md", true);
        check("*.md", "docs/a/README.md", true);
        check("node_modules/", "web/node_modules", true);
        check("*.md", "README.mdx", false);
    }

    #[test]
    fn a_glob_with_slash_matches_the_whole_relative_path() {
        check("docs/**", "docs/a/b.txt", true);
        check("docs/**", "web/docs/a.txt", false);
        check("src/*.map", "src/a.map", true);
        check("src/*.map", "src/deep/a.map", false);
        check("/README.md", "README.md", true);
        check("/README.md", "docs/README.md", false);
        check("./a/{b,c}", "a/c", true);
    }

    #[test]
    fn a_broken_glob_is_named_as_it_was_declared() {
        let error = Exclude::new(&["a".into(), "[z".into()]).err().expect("`[z` is no glob");
        assert!(matches!(&error, PackageError::BadGlob { glob, .. } if glob == "[z"), "{error}");
    }

    #[test]
    fn an_input_is_split_at_its_first_special_character() {
        let input = Input::new("../proto/**/*.proto").unwrap();
        assert_eq!(input.base, "../proto");
        let rest = input.rest.expect("a glob is left");
        assert!(rest.is_match("a.proto") && rest.is_match("x/y/b.proto") && !rest.is_match("a.txt"));
        assert_eq!(Input::new("*.sql").unwrap().base, ".");
        let plain = Input::new("schema/v1.sql").unwrap();
        assert!(plain.rest.is_none() && plain.base == "schema/v1.sql");
        assert!(matches!(Input::new("/etc/passwd"), Err(PackageError::AbsolutePath { .. })));
    }
}
