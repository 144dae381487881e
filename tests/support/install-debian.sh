#!/bin/sh
# Installs Debian or Ubuntu packages when root; otherwise says which are missing and fails.
set -eu
command -v apt-get >/dev/null 2>&1 || { echo "Please install: $*"; exit 1; }
if [ "$(id -u)" -ne 0 ]; then
    echo "Missing: $*. Install with: sudo apt-get install $*"
    exit 1
fi
# An index may be old or absent on a new machine.
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
