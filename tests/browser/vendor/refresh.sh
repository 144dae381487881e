#!/bin/sh
# Fetches the vendored npm files again, with the npm client's own settings, and keeps just what the browser tests load.
# Whoever raises a version here runs this script and corrects the table in README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# unpack NAME@VERSION: the package's files in $work/package
unpack() {
    rm -rf "$work/package"
    (cd "$work" && npm pack --silent "$1" > packed 2> /dev/null && mkdir package &&
        tar -xzf "$(tail -n 1 packed)" -C package --strip-components=1)
}

# keep NAME@VERSION FOLDER FILE...: these files and the licence, under their own paths
keep() {
    package=$1 folder=$2
    shift 2
    unpack "$package"
    rm -rf "${here:?}/$folder"
    mkdir -p "$here/$folder"
    cp "$work"/package/LICENSE* "$here/$folder/LICENSE"
    for file in "$@"; do
        mkdir -p "$here/$folder/$(dirname "$file")"
        cp -R "$work/package/$file" "$here/$folder/$file"
    done
    echo "$package"
}

keep vue@3.5.45 vue dist/vue.runtime.esm-browser.prod.js
keep @vue/compiler-sfc@3.5.45 compiler-sfc dist/compiler-sfc.esm-browser.js

keep react@19.3.1 react cjs/react.production.js cjs/react-jsx-runtime.production.js
keep react-dom@19.3.1 react-dom cjs/react-dom.production.js cjs/react-dom-client.production.js
keep scheduler@0.28.0 scheduler cjs/scheduler.production.js

keep sucrase@3.35.1 sucrase dist
rm -rf "$here/sucrase/dist/esm" "$here/sucrase/dist/types" "$here/sucrase/dist/cli.js" "$here/sucrase/dist/register.js"
keep ts-interface-checker@0.1.13 ts-interface-checker dist/index.js dist/types.js dist/util.js
keep lines-and-columns@1.2.4 lines-and-columns build/index.js
keep @jridgewell/gen-mapping@0.3.13 gen-mapping dist/gen-mapping.umd.js
keep @jridgewell/trace-mapping@0.3.31 trace-mapping dist/trace-mapping.umd.js
keep @jridgewell/sourcemap-codec@1.6.0 sourcemap-codec dist/sourcemap-codec.umd.js
keep @jridgewell/resolve-uri@3.1.3 resolve-uri dist/resolve-uri.umd.js

keep ws@8.23.0 ws wrapper.mjs lib
keep axe-core@4.14.1 axe-core axe.min.js
cp "$work/package/LICENSE-3RD-PARTY.txt" "$here/axe-core/"

# Vue publishes its compiler as one file with these packages inside; their licence texts belong beside it.
bundled=$here/compiler-sfc/BUNDLED-LICENSES
: > "$bundled"
for package in @babel/parser@7 @jridgewell/sourcemap-codec@1.6.0 magic-string@0.30 estree-walker@2 postcss@8 \
    postcss-selector-parser@7 picocolors@1 nanoid@3 source-map-js@1 source-map@0.6 merge-source-map@1.1.0 hash-sum@2 \
    lru-cache@10.1.0 cssesc@3 util-deprecate@1 entities@7 buffer@6 base64-js@1 ieee754@1; do
    unpack "$package"
    {
        echo "==== $package"
        cat "$work"/package/[Ll][Ii][Cc][Ee][Nn][SsCc][Ee]*
        echo
    } >> "$bundled" || echo "no licence file in $package" >&2
done
