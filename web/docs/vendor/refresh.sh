#!/bin/sh
# Fetches the docs pages' npm files again, with the npm client's own settings, and keeps just what the pages load.
# Whoever raises a version here runs this script and corrects the table in README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# keep NAME@VERSION FOLDER FILE...: these files and the licence, without folders of their own
keep() {
    package=$1 folder=$2
    shift 2
    rm -rf "$work/package" "${here:?}/$folder"
    (cd "$work" && npm pack --silent "$package" > packed 2> /dev/null && mkdir package &&
        tar -xzf "$(tail -n 1 packed)" -C package --strip-components=1)
    mkdir -p "$here/$folder"
    for file in LICENSE "$@"; do
        cp "$work/package/$file" "$here/$folder/"
    done
    echo "$package"
}

keep swagger-ui-dist@5.35.0 swagger-ui NOTICE swagger-ui.css swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt \
    swagger-ui-standalone-preset.js swagger-ui-standalone-preset.js.LICENSE.txt
keep @asyncapi/react-component@3.2.1 asyncapi styles/default.min.css browser/standalone/without-parser.js \
    browser/standalone/without-parser.js.LICENSE.txt
