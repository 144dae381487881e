#!/bin/sh
# Fetches the chat page's npm files again, unchanged, with their licences. Whoever raises a version here runs this
# script and corrects the table in README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# keep NAME@VERSION FILE: this file and the licence, in a folder named after the package
keep() {
    rm -rf "$work/package"
    mkdir "$work/package"
    (cd "$work" && npm pack --silent "$1" > packed 2> /dev/null && tar -xzf "$(tail -n 1 packed)" -C package --strip-components=1)
    folder=$here/${1%@*}
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$work"/package/LICENSE* "$folder/"
    cp "$work/package/$2" "$folder/"
    echo "$1"
}

# without Vue's compiler of templates: that one needs `unsafe-eval`
keep vue@3.5.45 dist/vue.runtime.esm-browser.prod.js
keep marked@18.2.1 lib/marked.esm.js
keep dompurify@3.4.18 dist/purify.min.js
