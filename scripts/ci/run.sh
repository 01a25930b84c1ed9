#!/usr/bin/env bash
# Runs one command of provision as a step of GitHub Actions; action.yml sets the variables. Every input comes as
# a variable and becomes one argument each: none is read by a shell again.
#
#   ACTION_BINARY     the binary
#   ACTION_COMMAND    validate, package, plan, apply, drift or snapshot
#   ACTION_MANIFESTS  files or folders, one a line
#   ACTION_PLAN_FILE  plan writes it, apply carries it out
#   ACTION_SNAPSHOT   snapshot writes it, plan reads it instead of the cloud
#   ACTION_BUILD      true: apply may build; else it takes what `package` built
#   ACTION_ARGUMENTS  further arguments, one a line
#   ACTION_REPORT     where the report for a comment goes
#
# Ends with the exit code of provision; outputs and step summary are written whatever it is.
set -euo pipefail

fail() {
  echo "error: $1" >&2
  exit 1
}

# lines TEXT: its non-empty lines into the array `found`, without carriage returns.
lines() {
  local line
  found=()
  while IFS= read -r line || [[ -n $line ]]; do
    line=${line%$'\r'}
    [[ -z $line ]] || found+=("$line")
  done <<<"$1"
}

output() {
  [[ -z ${GITHUB_OUTPUT-} ]] || printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

# The longest comment that GitHub takes has 65,536 characters; the rest is for the marker and the last line.
readonly comment_limit=65000

command=${ACTION_COMMAND-}
arguments=()
lines "${ACTION_MANIFESTS-}"
for path in "${found[@]}"; do arguments+=("--file=$path"); done

report=${ACTION_REPORT:-$(mktemp)}
: >"$report"
summary=${GITHUB_STEP_SUMMARY-}

formatted=(--format=github)
case $command in
  validate | drift) ;;
  package) formatted=() ;;
  plan)
    if [[ -n ${ACTION_SNAPSHOT-} ]]; then
      arguments+=("--snapshot=$ACTION_SNAPSHOT")
    elif [[ -n ${ACTION_PLAN_FILE-} ]]; then
      arguments+=("--out=$ACTION_PLAN_FILE")
    fi
    ;;
  apply)
    [[ ${ACTION_BUILD-} == true ]] || arguments+=(--no-build)
    # Who runs apply without a saved plan has nobody to ask; deletes stay fenced (CI is set).
    [[ -n ${ACTION_PLAN_FILE-} ]] || arguments+=(--yes)
    ;;
  snapshot)
    formatted=()
    arguments+=("--out=${ACTION_SNAPSHOT:?the command snapshot needs the input snapshot}")
    ;;
  *) fail "\`$command\` is no command of this action: validate, package, plan, apply, drift or snapshot" ;;
esac
lines "${ACTION_ARGUMENTS-}"
arguments+=("${found[@]}")
[[ $command != apply || -z ${ACTION_PLAN_FILE-} ]] || arguments+=(-- "$ACTION_PLAN_FILE")

# The report is kept aside for the comment, then appended to the step's summary.
code=0
CI=true GITHUB_STEP_SUMMARY=$report "$ACTION_BINARY" "$command" "${formatted[@]}" "${arguments[@]}" || code=$?

if [[ -s $report && -n $summary ]]; then cat -- "$report" >>"$summary"; fi
# A summary takes 1 MiB, a comment less: a long plan is reported again, shortened to what a comment takes.
if [[ $command == plan && -s $report && $(wc -m <"$report") -gt $comment_limit ]]; then
  CI=true "$ACTION_BINARY" plan --format=markdown --quiet "${arguments[@]}" >"$report" || true
fi

output exit-code "$code"
output report "$report"
exit "$code"
