//! A manifest's text in canonical order, with every comment, anchor and spelling kept. Keys move with the comments above
//! them; names that people chose stay in their order. Each format has its own way of moving text (`yaml`, `toml`); none
//! of them has to be right about everything: a result that does not parse to the same tree, or that lost or gained a
//! single visible character, is not used.

mod toml;
mod yaml;

use crate::diagnostic::Diagnostic;
use crate::manifest::{CODE_KEYS, FUNCTION_KEYS, POLICY_KEYS, ROLE_KEYS, STACK_KEYS, TRIGGER_TYPES, trigger_keys};
use crate::source::FileId;
use crate::syntax::{self, Node, Value};

const VARIABLE_KEYS: [&str; 4] = ["description", "sensitive", "env", "default"];
const NAMESPACE_KEYS: [&str; 4] = ["name", "description", "region", "adopt"];

/// One way to better a text.
type Pass = fn(&str, &Node) -> String;

/// The canonical text.
///
/// # Errors
/// What keeps the text from being read; such a text is left alone.
pub fn format(name: &str, text: &str) -> Result<String, Vec<Diagnostic>> {
    // Some editors write a byte order mark; nobody misses it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut root = syntax::parse(name, text, FileId(0))?;
    let visible = visible(text);
    let mut best = text.to_owned();
    let passes: &[Pass] =
        if name.ends_with(".toml") { &[tidied, toml::ordered] } else { &[tidied, yaml::flows, yaml::blocks] };
    for pass in passes {
        let candidate = pass(&best, &root);
        if candidate != best
            && let Ok(parsed) = syntax::parse(name, &candidate, FileId(0))
            && same(&parsed, &root)
            && self::visible(&candidate) == visible
        {
            (best, root) = (candidate, parsed);
        }
    }
    Ok(best)
}

/// Without blanks at the ends of lines, without blank lines at both ends, with one line feed last.
fn tidied(text: &str, _: &Node) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let first = lines.iter().position(|l| !l.is_empty()).unwrap_or(0);
    let last = lines.iter().rposition(|l| !l.is_empty()).map_or(0, |at| at + 1);
    let mut out = lines[first..last.max(first)].join("\n");
    out.push('\n');
    out
}

/// Every visible character, sorted: what only moved gives the same.
fn visible(text: &str) -> Vec<char> {
    let mut all: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    all.sort_unstable();
    all
}

/// Equal but for the order of keys and the places.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Map(a), Value::Map(b)) => {
            // Most keys stay where they are.
            let find = |at: usize, key: &str| {
                b.get(at).filter(|(k, _)| k.text == key).or_else(|| b.iter().find(|(k, _)| k.text == key))
            };
            a.len() == b.len()
                && a.iter()
                    .enumerate()
                    .all(|(at, (key, value))| find(at, &key.text).is_some_and(|(_, v)| same(value, v)))
        }
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (a, b) => a == b,
    }
}

/// What the keys of a mapping are ordered by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Top,
    /// Names that people chose; their values follow the inner rule.
    Each(&'static Rule),
    Keys(&'static [&'static str]),
    Function,
    Trigger,
    /// As it is.
    Kept,
}

impl Rule {
    /// Where a key belongs among those of a mapping of this `type`; unknown ones go last, in written order.
    fn rank(self, key: &str, kind: Option<&str>) -> usize {
        let among = |keys: &[&str]| keys.iter().position(|k| *k == key).unwrap_or(keys.len());
        match self {
            Self::Top => among(&STACK_KEYS),
            Self::Keys(keys) => among(keys),
            Self::Function => among(&FUNCTION_KEYS),
            Self::Trigger => {
                let Some(kind) = kind.filter(|kind| TRIGGER_TYPES.contains(kind)) else { return 0 };
                // A name comes first, as everywhere.
                let keys: Vec<&str> = ["type", "name"]
                    .into_iter()
                    .chain(trigger_keys(kind).iter().copied())
                    .chain(["enabled", "qualifier"])
                    .collect();
                among(&keys)
            }
            Self::Each(_) | Self::Kept => 0,
        }
    }

    /// The rule for the value of a key.
    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Top, "variables") => Self::Each(&Self::Keys(&VARIABLE_KEYS)),
            (Self::Top, "roles") => Self::Each(&Self::Keys(&ROLE_KEYS)),
            (Self::Top, "policies") => Self::Each(&Self::Keys(&POLICY_KEYS)),
            (Self::Top, "namespaces") => Self::Each(&Self::Keys(&NAMESPACE_KEYS)),
            (Self::Top, "functions") => Self::Each(&Self::Function),
            (Self::Function, "code") => Self::Keys(&CODE_KEYS),
            (Self::Function, "triggers") => Self::Each(&Self::Trigger),
            (Self::Each(inner), _) => *inner,
            (Self::Top | Self::Keys(_) | Self::Function | Self::Trigger | Self::Kept, _) => Self::Kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::format;

    fn check(name: &str, text: &str, expected: &str) {
        let once = format(name, text).expect("the text parses");
        assert_eq!(once, expected);
        assert_eq!(format(name, &once).expect("it still parses"), once, "a second time changes nothing");
    }

    #[test]
    fn keys_move_with_their_comments_and_chosen_names_stay() {
        check(
            "m.yaml",
            "# about the file\nfunctions:\n  # the second by name, the first by choice\n  zeta:\n    memory: 128   \n    # what it runs on\n    runtime: Go1 # exact\n    code: { demo: x }\n  alpha:\n    code:\n      demo: y\n    runtime: Go1\n\nstack: s1\nregion: ap-beijing\n",
            "# about the file\nstack: s1\nregion: ap-beijing\n\nfunctions:\n  # the second by name, the first by choice\n  zeta:\n    # what it runs on\n    runtime: Go1 # exact\n    code: { demo: x }\n    memory: 128\n  alpha:\n    runtime: Go1\n    code:\n      demo: y\n",
        );
    }

    #[test]
    fn what_cannot_move_stays() {
        // The alias needs its anchor above it.
        let anchored = "stack: s1\ntags: *t\n";
        assert!(format("m.yaml", anchored).is_err());
        let anchors = "roles: { r: { trust: &t [scf.qcloud.com] } }\nignore_tags: *t\nstack: s1\n";
        check("m.yaml", anchors, anchors);
        // Blanks at the ends of lines are part of a block scalar.
        let scalar = "stack: s1\nfunctions:\n  f1:\n    runtime: Go1\n    code:\n      inline:\n        a: |\n          x  \n          # no comment\n";
        check("m.yaml", scalar, scalar);
    }

    #[test]
    fn tables_are_ordered_by_section() {
        check(
            "m.toml",
            "# the file\nstack = \"s1\"\n\n[functions.f1]\nruntime = \"Go1\"\ncode.demo = \"x\"\n\n# who may\n[roles.r]\nexternal = true\n",
            "# the file\nstack = \"s1\"\n\n# who may\n[roles.r]\nexternal = true\n\n[functions.f1]\nruntime = \"Go1\"\ncode.demo = \"x\"\n",
        );
    }

    #[test]
    fn flow_mappings_are_ordered_and_what_people_named_stays() {
        check(
            "m.yaml",
            "stack: s1\nfunctions:\n  f1:\n    environment: { Z: 1, A: 2 }\n    runtime: Go1\n    triggers: { z: { cron: \"* * 2\", type: timer }, a: { events: \"*\", type: cos, bucket: b } }\n",
            "stack: s1\nfunctions:\n  f1:\n    runtime: Go1\n    environment: { Z: 1, A: 2 }\n    triggers: { z: { type: timer, cron: \"* * 2\" }, a: { type: cos, bucket: b, events: \"*\" } }\n",
        );
        // Over several lines each place keeps its indentation.
        check(
            "m.yaml",
            "stack: s1\nfunctions: { f1: {\n  memory: 128,\n  runtime: Go1,\n} }\n",
            "stack: s1\nfunctions: { f1: {\n  runtime: Go1,\n  memory: 128,\n} }\n",
        );
        for kept in [
            "stack: s1\nfunctions: { f1: {\n  memory: 128, # small\n  runtime: Go1 } }\n",
            "stack: s1\nfunctions: { f1: { memory: &m 128, runtime: Go1, timeout: *m } }\n",
        ] {
            check("m.yaml", kept, kept);
        }
        check("m.yaml", "\u{feff}region: x\r\nstack: s1\r\n", "stack: s1\nregion: x\n");
        check("m.yaml", "{ functions: {}, \"stack\": s1 }\n", "{ \"stack\": s1, functions: {} }\n");
    }

    #[test]
    fn keys_of_tables_and_inline_tables_are_ordered() {
        check(
            "m.toml",
            "# the file\nregion = \"ap-beijing\" # where\n# its name\nstack = \"s1\"\n\n[functions.zeta]\nmemory = 128\n\n# exact\nruntime = \"Go1\"\ncode = { exclude = [\"x\"], dir = \"src\" }\n\n[functions.zeta.triggers]\nz = {cron = \"x\", type = \"timer\"}\na = { name = \"b\", type = \"timer\", cron = \"y\" }\n\n# of zeta\n[functions.zeta.environment]\nZ = \"1\"\nA = \"2\"\n\n[functions.alpha]\nruntime = \"Go1\"\n\n# last\n",
            "# the file\n# its name\nstack = \"s1\"\nregion = \"ap-beijing\" # where\n\n[functions.zeta]\n# exact\nruntime = \"Go1\"\ncode = { dir = \"src\", exclude = [\"x\"] }\n\nmemory = 128\n\n# of zeta\n[functions.zeta.environment]\nZ = \"1\"\nA = \"2\"\n\n[functions.zeta.triggers]\nz = {type = \"timer\", cron = \"x\"}\na = { type = \"timer\", name = \"b\", cron = \"y\" }\n\n[functions.alpha]\nruntime = \"Go1\"\n\n# last\n",
        );
    }

    #[test]
    fn dotted_keys_and_lists_of_tables_stay_whole() {
        check(
            "m.toml",
            "stack = \"s1\"\n[[functions.f1.layers]]\nname = \"b\"\n[[functions.f1.layers]]\nname = \"a\"\n[functions.f1]\nmemory = 128\n# what\ncode.demo = \"x\"\n",
            "stack = \"s1\"\n[functions.f1]\n# what\ncode.demo = \"x\"\nmemory = 128\n[[functions.f1.layers]]\nname = \"b\"\n[[functions.f1.layers]]\nname = \"a\"\n",
        );
    }
}
