#!/bin/sh
# Install what building (or building and testing) needs on Debian 12: packages of the distribution,
# Node.js only where there is none, and the JavaScript packages of the lock file.
#
#     tools/setup.sh build|test|js
#
# Run it as root or with sudo at hand. It looks before it installs, and does nothing the second time.
set -eu
cd "$(dirname "$0")/.."

BUILD_PACKAGES="build-essential pkg-config meson ninja-build python3 ca-certificates
libjavascriptcoregtk-4.1-dev libuv1-dev libssl-dev zlib1g-dev
libcurl4-openssl-dev libglib2.0-dev libicu-dev"
TEST_PACKAGES="git clang libclang-rt-14-dev clang-format chromium strace sqlite3 openssl"
NODE_MAJOR_MIN=18

say() {
    echo "setup: $*"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "these packages are missing and need root to be installed: $missing"
        exit 1
    fi
}

is_installed() {
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

node_is_new_enough() {
    command -v node >/dev/null && command -v npm >/dev/null &&
        [ "$(node -p 'process.versions.node.split(".")[0]')" -ge "$NODE_MAJOR_MIN" ]
}

install_packages() {
    missing=""
    for package in $1; do
        is_installed "$package" || missing="$missing $package"
    done
    node_is_new_enough || missing="$missing nodejs npm"
    [ -n "$missing" ] || return 0
    say "installing$missing"
    as_root apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
}

install_node_modules() {
    stamp=$1/node_modules/.dormouse-lock
    lock=$(cksum <"$1/package-lock.json")
    if [ "$(cat "$stamp" 2>/dev/null)" != "$lock" ]; then
        say "npm ci in $1"
        (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
    fi
    echo "$lock" >"$stamp"
}

case "${1:-}" in
build) packages="$BUILD_PACKAGES" ;;
test) packages="$BUILD_PACKAGES $TEST_PACKAGES" ;;
js) packages="" ;;
*)
    echo "usage: tools/setup.sh build|test|js" >&2
    exit 2
    ;;
esac

if [ -z "$packages" ]; then
    :
elif command -v dpkg-query >/dev/null; then
    install_packages "$packages"
else
    say "not a Debian: install what docs/building.md lists by hand"
fi
install_node_modules .
if [ "$1" = test ]; then
    install_node_modules tests/e2e/packages
fi
