#!/usr/bin/env bash
# Gets the provision binary for a CI job, and never an unverified one. In this order:
#
#   PROVISION_BINARY      a file that is there already (checked when PROVISION_BINARY_SHA256 is given)
#   PROVISION_BINARY_URL  downloaded; PROVISION_BINARY_SHA256 is required
#   neither               built from the checkout that this script stands in, with cargo --locked
#
# `install.sh key` prints what a cache of the built binary goes by; `install.sh` puts the binary into
# PROVISION_TOOL_FOLDER and prints its path. Both write to GITHUB_OUTPUT where that is set.
set -euo pipefail

source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=${PROVISION_TOOL_FOLDER:-${RUNNER_TEMP:-${TMPDIR:-/tmp}}/provision-tool}
given_sha256=${PROVISION_BINARY_SHA256-}

fail() {
  echo "error: $1" >&2
  [[ -z ${2-} ]] || echo "help: $2" >&2
  exit 1
}

output() {
  [[ -z ${GITHUB_OUTPUT-} ]] || printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# Everything that the binary is made of: a changed source or compiler is another key.
key() {
  local inputs
  inputs=$(
    cd "$source_folder"
    rustc --version --verbose
    find Cargo.toml Cargo.lock crates -type f | LC_ALL=C sort | while IFS= read -r file; do
      printf '%s %s\n' "$(sha256 <"$file")" "$file"
    done
  )
  printf 'provision-%s-%s\n' "$(uname -sm | tr ' ' -)" "$(sha256 <<<"$inputs")"
}

# verify FILE: its digest is the one that was given.
verify() {
  local found
  [[ $given_sha256 =~ ^[0-9a-f]{64}$ ]] || fail "PROVISION_BINARY_SHA256 is no SHA-256" "64 lower-case hex digits, as sha256sum prints them"
  found=$(sha256 <"$1")
  [[ $found == "$given_sha256" ]] || fail "the binary has SHA-256 $found, wanted is $given_sha256" "nothing of it was run"
}

# Fetched beside its place and moved there when it is verified, so that a later step never meets a half or a wrong one.
download() {
  [[ -n $given_sha256 ]] || fail "a download needs its digest" "set PROVISION_BINARY_SHA256 (input binary-sha256)"
  mkdir -p "$folder"
  partial=$(mktemp "$folder/download.XXXXXX")
  trap 'rm -f "$partial"' EXIT
  curl --fail --silent --show-error --location --proto '=http,https' --retry 3 --max-time 300 --output "$partial" -- "$PROVISION_BINARY_URL" ||
    fail "cannot download the binary"
  verify "$partial"
  chmod 0755 "$partial"
  mv "$partial" "$folder/provision"
}

# Build scripts and macros of dependencies run here: they get the build's own variables and none of the job's.
build() {
  local name allowed=()
  command -v cargo >/dev/null || fail "there is no cargo to build provision with" "install Rust 1.90 or newer, or set PROVISION_BINARY_URL and PROVISION_BINARY_SHA256"
  for name in PATH HOME CARGO_HOME RUSTUP_HOME RUSTUP_TOOLCHAIN TMPDIR LANG HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
    [[ -z ${!name-} ]] || allowed+=("$name=${!name}")
  done
  mkdir -p "$folder"
  echo "building provision; this takes some minutes once" >&2
  (cd "$source_folder" && env -i "${allowed[@]}" cargo build --locked --release --package provision --target-dir "$folder/target" >&2)
  cp "$folder/target/release/provision" "$folder/provision.new"
  mv "$folder/provision.new" "$folder/provision"
  # Only the binary is worth a cache.
  rm -rf "$folder/target"
}

case ${1-} in
  key)
    if [[ -n ${PROVISION_BINARY-} || -n ${PROVISION_BINARY_URL-} ]]; then
      output build false
      exit 0
    fi
    key=$(key)
    output build true
    output key "$key"
    output folder "$folder"
    printf '%s\n' "$key"
    exit 0
    ;;
  '') ;;
  *) fail "install.sh takes nothing, or \`key\`" ;;
esac

if [[ -n ${PROVISION_BINARY-} ]]; then
  binary=$(realpath -- "$PROVISION_BINARY") || fail "there is no $PROVISION_BINARY"
  [[ -z $given_sha256 ]] || verify "$binary"
elif [[ -n ${PROVISION_BINARY_URL-} ]]; then
  download
  binary=$folder/provision
else
  [[ -x $folder/provision ]] || build
  binary=$folder/provision
fi
"$binary" --version >&2 || fail "$binary does not run on this machine"
output binary "$binary"
printf '%s\n' "$binary"
