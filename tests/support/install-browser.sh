#!/bin/sh
# What the browser tests and the commands of docs/http.md need: curl, Chromium (or CHROMIUM=/path), Node for the client library, a font with
# Chinese characters, the driver's libraries.
set -eu
here=$(dirname "$0")
missing=
command -v curl >/dev/null 2>&1 || missing="curl"
if [ -n "${CHROMIUM:-}" ]; then
    [ -x "$CHROMIUM" ] || { echo "CHROMIUM=$CHROMIUM is not an executable file"; exit 1; }
elif ! [ -x /usr/bin/chromium ]; then
    # Ubuntu's chromium package is only a pointer to a snap, which does not run headless under a test
    if grep -qi '^ID=ubuntu' /etc/os-release 2>/dev/null; then
        echo "Please install Chromium or Chrome and name it: make test CHROMIUM=/path/to/chrome"
        exit 1
    fi
    missing="$missing chromium"
fi
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
if ! { command -v fc-list >/dev/null 2>&1 && fc-list :lang=zh family | grep -q .; }; then
    missing="$missing fontconfig fonts-noto-cjk"
fi
# playwright's driver is linked with these two; a minimal system has neither
for library in libatomic.so.1:libatomic1 libstdc++.so.6:libstdc++6; do
    PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | grep -q "${library%%:*}" || missing="$missing ${library##*:}"
done
[ -z "$missing" ] || sh "$here/install-debian.sh" $missing
