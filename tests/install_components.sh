#!/bin/sh
# Real components that tests use and PyPI does not carry: Chromium (and emoji to show in it), an LDAP server, ClamAV, an ICAP server, from Debian's packages.
# Without root or apt-get nothing is installed, and the tests that need them say that they are skipped.
set -eu
# Synapse, a neighbour server that we did not write: in an environment of its own, its dependencies are not ours.
SYNAPSE="matrix-synapse==1.163.2"
here=$(cd "$(dirname "$0")/.." && pwd)
if [ ! -x "$here/.venv-synapse/bin/python" ]; then
    python3 -m venv "$here/.venv-synapse" && "$here/.venv-synapse/bin/python" -m pip install --quiet --disable-pip-version-check "$SYNAPSE" ||
        { rm -rf "$here/.venv-synapse"; echo "Synapse could not be installed; the tests that use it are skipped"; }
fi
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
[ -x /usr/sbin/clamd ] || missing="$missing clamav-daemon"
[ -x /usr/bin/c-icap ] || missing="$missing c-icap libc-icap-mod-virus-scan"
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
