//! What codes mean, in two languages: findings of ours (English in `plan`, Chinese in `data/`) and error codes of the
//! platform (`data/platform-codes.toml`). Looks codes up; printing is for `commands::explain`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use plan::diagnostic::Code;
use serde::Deserialize;

const PLATFORM: &str = include_str!("../data/platform-codes.toml");
const FINDINGS_ZH: &str = include_str!("../data/findings.zh.toml");

/// What one code means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    /// The code, as the service or a finding spells it.
    pub(crate) code: String,
    /// Whether a finding of ours has it.
    pub(crate) is_finding: bool,
    /// Cause and way out in English.
    pub(crate) en: [String; 2],
    /// The same in Chinese.
    pub(crate) zh: [String; 2],
}

/// What a look-up found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The code itself, and codes below it when it is a family.
    Exact(&'static Explanation, Vec<&'static Explanation>),
    /// Not the code, but its family.
    Family(&'static Explanation),
    /// Several codes that begin so.
    Several(Vec<&'static Explanation>),
    /// Nothing; these are close.
    Nothing(Vec<&'static str>),
}

#[derive(Deserialize)]
struct Line {
    en: [String; 2],
    zh: [String; 2],
}

static ALL: LazyLock<Vec<Explanation>> = LazyLock::new(|| {
    // Both files are part of the program and read by a test: they parse, or nothing was released.
    let platform: BTreeMap<String, Line> = toml::from_str(PLATFORM).unwrap_or_default();
    let mut chinese: BTreeMap<String, [String; 2]> = toml::from_str(FINDINGS_ZH).unwrap_or_default();
    let findings = Code::ALL.iter().map(|code| {
        let en = [code.title().to_owned(), code.explanation().to_owned()];
        let zh = chinese.remove(code.as_str()).unwrap_or_else(|| en.clone());
        Explanation { code: code.as_str().to_owned(), is_finding: true, en, zh }
    });
    findings
        .chain(platform.into_iter().map(|(code, line)| Explanation {
            code,
            is_finding: false,
            en: line.en,
            zh: line.zh,
        }))
        .collect()
});

/// Every code, findings first.
pub(crate) fn all() -> &'static [Explanation] {
    &ALL
}

/// Whether `explain` has something to say about a code of the platform: itself or its family.
pub(crate) fn is_known(code: &str) -> bool {
    matches!(look_up(code), Found::Exact(..) | Found::Family(_))
}

/// Finds a code: letter case does not matter, and the beginning of a code is enough.
pub(crate) fn look_up(text: &str) -> Found {
    let wanted = text.trim().to_lowercase();
    let begins = |prefix: &str| ALL.iter().filter(|e| e.code.to_lowercase().starts_with(prefix)).collect::<Vec<_>>();
    if let Some(exact) = ALL.iter().find(|e| e.code.to_lowercase() == wanted) {
        return Found::Exact(exact, begins(&format!("{wanted}.")));
    }
    let several = if wanted.is_empty() { Vec::new() } else { begins(&wanted) };
    if !several.is_empty() {
        return Found::Several(several);
    }
    if let Some((family, _)) = wanted.split_once('.')
        && let Some(family) = ALL.iter().find(|e| e.code.to_lowercase() == family)
    {
        return Found::Family(family);
    }
    let mut close: Vec<(usize, &str)> = ALL
        .iter()
        .map(|e| {
            let code = e.code.to_lowercase();
            // Half a code is as good as a slip in it: the last word is what people remember.
            let last = code.rsplit('.').next().unwrap_or(&code);
            let distance = strsim::damerau_levenshtein(&wanted, &code).min(strsim::damerau_levenshtein(&wanted, last));
            (distance, e.code.as_str())
        })
        .filter(|(distance, _)| *distance <= (wanted.len() / 3).max(1))
        .collect();
    close.sort_unstable();
    let best = close.first().map_or(0, |(distance, _)| *distance);
    close.retain(|(distance, _)| *distance == best);
    Found::Nothing(close.into_iter().take(3).map(|(_, code)| code).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_told_in_both_languages_in_the_style_of_the_house() {
        let platform: BTreeMap<String, Line> = toml::from_str(PLATFORM).expect("the table of the platform's codes");
        assert!(platform.len() > 100, "{} codes", platform.len());
        let chinese: BTreeMap<String, [String; 2]> = toml::from_str(FINDINGS_ZH).expect("the findings in Chinese");
        let wanted: Vec<&str> = Code::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(chinese.keys().map(String::as_str).collect::<Vec<_>>(), wanted, "one line for each finding");
        let has_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        for e in all() {
            assert!(e.en[1].ends_with('.') && !e.en[0].ends_with('.') && e.en.iter().all(|t| !has_chinese(t)), "{e:?}");
            assert!(
                e.zh[1].ends_with('。') && !e.zh[0].ends_with('。') && e.zh.iter().all(|t| has_chinese(t)),
                "{e:?}"
            );
            let family = e.code.split('.').next().unwrap_or_default();
            assert!(ALL.iter().any(|f| f.code == family), "{} has no family", e.code);
        }
    }

    #[test]
    fn codes_are_found_by_their_beginning_their_family_and_despite_slips() {
        let name = |found: Found| match found {
            Found::Exact(e, below) => format!("{} +{}", e.code, below.len()),
            Found::Family(e) => format!("family {}", e.code),
            Found::Several(all) => format!("{} codes", all.len()),
            Found::Nothing(close) => format!("nothing, {}", close.join(" ")),
        };
        assert_eq!(name(look_up("p010")), "P010 +0");
        assert!(name(look_up("failedoperation")).starts_with("FailedOperation +"));
        assert_eq!(name(look_up("authfailure.signaturefailure")), "AuthFailure.SignatureFailure +0");
        assert_eq!(name(look_up("FailedOperation.NeverHeardOf")), "family FailedOperation");
        assert_eq!(name(look_up("AuthFailure.Sig")), "2 codes");
        assert_eq!(name(look_up("SignatureExpired")), "nothing, AuthFailure.SignatureExpire");
        assert_eq!(name(look_up("AuthFailures.SignatureExpire")), "nothing, AuthFailure.SignatureExpire");
        assert_eq!(name(look_up("")), "nothing, ");
        assert!(is_known("LimitExceeded.Anything") && !is_known("Nonsense"));
    }
}
