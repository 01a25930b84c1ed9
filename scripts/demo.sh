#!/usr/bin/env bash
# `make demo`: the webhook's life on the embedded local cloud. Needs no account and sends nothing anywhere.
#
# Works in target/demo, a project of its own that starts empty each time. Only the function's package is shared with
# the checkout's .provision, so that it is built once. Fails when a step does not do what it should.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
demo=$root/target/demo
binary=${CARGO_TARGET_DIR:-target}/debug/provision

# The user's settings must not lead the demo into a real account.
unset "${!PROVISION_@}" "${!TENCENTCLOUD_@}"
export WECOM_WEBHOOK_KEY=demo-not-a-real-key
# Hidden values show as digests under this key; a fixed one makes two runs comparable.
export PROVISION_DIGEST_KEY=demo

if [[ -t 1 && -z ${NO_COLOR-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m' color=always
else
  bold='' dim='' plain='' color=never
fi

fail() {
  echo "demo failed: $*" >&2
  exit 1
}

# Compiles what is missing. The first time cargo shows its progress; after that there is nothing to see.
build() {
  if [[ -x $binary ]]; then
    cargo build --locked --package provision --quiet
  else
    echo "Building provision; the first time takes a few minutes."
    cargo build --locked --package provision
  fi
  binary=$(realpath "$binary")
}

# An empty project with a copy of the manifest, and with the packages that the checkout has already built.
prepare() {
  rm -rf "$demo"
  mkdir -p "$demo/manifests" "$demo/.provision" "$root/.provision/packages" "$root/.provision/target"
  ln -s "$root/.provision/packages" "$root/.provision/target" "$demo/.provision/"
  cp "$root/manifests/mps-webhook.yaml" "$demo/manifests/"
  cd "$demo"
  "$binary" package >package.txt || fail "the function's package cannot be built"
}

heading() {
  printf '\n%s# %s%s\n' "$bold" "$1" "$plain"
}

# step EXIT_CODE ARGUMENT... : shows and times the command, keeps what it prints in output.txt.
step() {
  local wanted=$1 got=0 TIMEFORMAT=%3R
  shift
  printf '%s$ provision %s%s\n' "$bold" "$*" "$plain"
  { time "$binary" "$@" --color "$color" >output.txt 2>&1; } 2>seconds.txt || got=$?
  cat output.txt
  printf '%s(%s s)%s\n' "$dim" "$(<seconds.txt)" "$plain"
  ((got == wanted)) || fail "\`provision $*\` ended with exit code $got instead of $wanted"
}

build
prepare

heading "What would change? The local cloud is empty; exit code 2 says that changes are pending."
step 2 plan --local --detailed-exitcode

heading "Make it so."
step 0 apply --local --yes

heading "Plan again: nothing is left to do, and the exit code is 0."
step 0 plan --local --detailed-exitcode

heading "More memory: one line of the manifest."
sed 's/memory: 128$/memory: 256/' "$root/manifests/mps-webhook.yaml" >manifests/mps-webhook.yaml
diff "$root/manifests/mps-webhook.yaml" manifests/mps-webhook.yaml && fail "the manifest has no line \`memory: 128\`"

heading "What would change now? That one attribute."
step 2 plan --local --detailed-exitcode
differences=$(sed $'s/\e\\[[0-9;]*m//g' output.txt | grep -- ' -> ' | tr -s ' ' || true)
[[ $differences == ' memory 128 -> 256' ]] || fail "the last plan should show memory alone"

heading "A task ends: MPS pushes its event through the trigger, the function runs, the group reads what happened."
cp "$root/manifests/mps-webhook.yaml" manifests/
step 0 event mps-workflow --local --send
grep -q 'the group reads' output.txt || fail "no message reached the group"

printf '\n%sDone, without an account. The project and its local cloud are in target/demo.%s\n' "$dim" "$plain"
