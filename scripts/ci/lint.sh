#!/usr/bin/env bash
# Checks everything that runs in CI systems, as far as it can be done without them: the shell scripts, the action,
# the example workflows (syntax, expressions, inputs of the action, security rules), GitLab's file against its schema,
# and the Jenkinsfile's scripts. Offline. Takes the folder of the tools: lint.sh target/tools/bin
set -euo pipefail

tools=$(cd "${1:?lint.sh takes the folder of the tools}" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
workflows=(examples/ci/github/*.yml)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
  echo "error: $1" >&2
  exit 1
}

# No prebuilt one on Linux for arm64: there it has to be installed.
shellcheck=$tools/shellcheck
[[ -x $shellcheck ]] || shellcheck=$(command -v shellcheck) || fail "there is no shellcheck; install it: apt-get install shellcheck"
"$shellcheck" --severity=style scripts/*.sh scripts/ci/*.sh .ci/run

# actionlint checks an action's inputs only when the action is local: the examples name this very repository then.
mkdir -p "$scratch/project/.github/workflows"
git -C "$scratch/project" init --quiet
cp action.yml "$scratch/project/"
for workflow in "${workflows[@]}"; do
  sed -E 's|uses: OWNER/provision@0{40}.*|uses: ./|' "$workflow" >"$scratch/project/.github/workflows/${workflow##*/}"
done
grep -L 'uses: \./$' "$scratch"/project/.github/workflows/*.yml | grep . && fail "a workflow does not use the action"
(cd "$scratch/project" && "$tools/actionlint" -no-color -shellcheck "$shellcheck" -pyflakes '')

"$tools/zizmor" --offline --pedantic --quiet --no-progress action.yml "${workflows[@]}"

# No expression may reach a shell: values come through `env:`.
if grep -nE '^ *run:.*\$\{\{' action.yml "${workflows[@]}"; then fail "an expression stands within a script"; fi

"$tools/python" - action.yml "${workflows[@]}" examples/ci/gitlab/.gitlab-ci.yml <<'PYTHON'
import importlib.metadata, json, sys
import jsonschema_rs, ruamel.yaml

KINDS = {"action.yml": "github-actions", ".gitlab-ci.yml": "gitlab-ci"}
carried = importlib.metadata.distribution("check-jsonschema")
for path in sys.argv[1:]:
    kind = KINDS.get(path.split("/")[-1], "github-workflows")
    with open(carried.locate_file(f"check_jsonschema/builtin_schemas/vendor/{kind}.json")) as file:
        schema = json.load(file)
    with open(path) as file:
        document = ruamel.yaml.YAML(typ="safe", pure=True).load(file)
    for error in jsonschema_rs.validator_for(schema).iter_errors(document):
        sys.exit(f"error: {path}: {'.'.join(map(str, error.instance_path))}: {error.message}")
PYTHON

# The Jenkinsfile: brackets close, every script is in single quotes (Groovy inserts nothing) and is clean by itself.
python3 - examples/ci/coding/Jenkinsfile "$scratch" <<'PYTHON'
import pathlib, re, sys

text = pathlib.Path(sys.argv[1]).read_text()
scripts = re.findall(r"sh '''(.*?)'''", text, re.S)
assert scripts and len(scripts) == len(re.findall(r"\bsh\b *['\"(]", text)), "every sh step takes a ''' text"
for number, script in enumerate(scripts):
    pathlib.Path(sys.argv[2], f"jenkins-{number}.sh").write_text(script)
code = re.sub(r"'''.*?'''|'[^'\n]*'|//[^\n]*", "", text, flags=re.S)
assert '"' not in code, "a double-quoted text in Groovy"
closing, opened = {")": "(", "]": "[", "}": "{"}, []
for character in code:
    if character in "([{":
        opened.append(character)
    elif character in closing:
        assert opened and opened.pop() == closing[character], f"`{character}` closes nothing"
assert not opened, f"`{opened[-1]}` is never closed"
PYTHON
"$shellcheck" "$scratch"/jenkins-*.sh
