#!/bin/sh
# fresh.sh GENERATE: the committed vectors are those that the generator makes, no more and no fewer.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" "$folder"
here=$(dirname "$0")
for made in "$folder"/*.json "$here"/*.json; do
    name=$(basename "$made")
    cmp "$folder/$name" "$here/$name" || {
        echo "fresh.sh: run vectors_generate on tests/vectors, and look at what changed in $name" >&2
        exit 1
    }
done
