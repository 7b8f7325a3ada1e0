#!/bin/sh
# Real components that tests use and PyPI does not carry, from Debian's packages: Chromium (and emoji to show in it), Firefox, WebKit's
# engine where it is asked for, an LDAP server, ClamAV, an ICAP server, an IRC server; LiveKit, which is built once where there is Go,
# into a folder beside the tree.
# Without root or apt-get nothing is installed, and the tests that need them say that they are skipped.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
# What we did not write and runs as a process of its own: in an environment of its own, its dependencies are not ours.
environment() { # its name, what it holds
    [ -x "$here/.venv-$1/bin/python" ] && return
    python3 -m venv "$here/.venv-$1" && "$here/.venv-$1/bin/python" -m pip install --quiet --disable-pip-version-check "$2" ||
        { rm -rf "$here/.venv-$1"; echo "$2 could not be installed; the tests that use it are skipped"; }
}
environment synapse "matrix-synapse==1.163.2"
environment heisenbridge "heisenbridge==1.15.4"
# The newest that the module proxy serves whole; an operator takes a later one (docs/operator.md, "Calls").
livekit() {
    version=1.9.11 cache="$HOME/.cache/chappe-tests"
    [ -x "$cache/livekit-server-$version" ] && return
    command -v go >/dev/null 2>&1 || { echo "no Go to build LiveKit with; the tests that use it are skipped"; return; }
    work=$(mktemp -d)
    if (cd "$work" && timeout 600 go mod download "github.com/livekit/livekit-server@v$version") &&
        cp -r "$(go env GOMODCACHE)/github.com/livekit/livekit-server@v$version" "$work/livekit" && chmod -R u+w "$work/livekit" &&
        (cd "$work/livekit" && GOFLAGS=-mod=mod timeout 900 go build -buildvcs=false -ldflags="-s -w" -o "$work/livekit-server" ./cmd/server); then
        mkdir -p "$cache" && mv "$work/livekit-server" "$cache/livekit-server-$version"
    else
        echo "LiveKit could not be built; the tests that use it are skipped"
    fi
    rm -rf "$work"
}
livekit
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v firefox-esr >/dev/null 2>&1 || missing="$missing firefox-esr"
[ -z "${CHAPPE_WEBKIT:-}" ] || command -v WebKitWebDriver >/dev/null 2>&1 || missing="$missing webkit2gtk-driver"
[ -z "${CHAPPE_WEBKIT:-}" ] || command -v Xvfb >/dev/null 2>&1 || missing="$missing xvfb"
[ -x /usr/sbin/clamd ] || missing="$missing clamav-daemon"
[ -x /usr/bin/c-icap ] || missing="$missing c-icap libc-icap-mod-virus-scan"
[ -x /usr/sbin/ngircd ] || missing="$missing ngircd"
command -v slapd >/dev/null 2>&1 || [ -x /usr/sbin/slapd ] || missing="$missing slapd"
[ -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf ] || missing="$missing fonts-noto-color-emoji"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "not installed:$missing (needs root and apt-get); the tests that use them are skipped"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
