#!/usr/bin/env bash
# Copy the broker's jars, as pom.xml names them, into a folder, and check each: install.sh FOLDER
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
folder="${1:?usage: $0 FOLDER}"

rm -rf "$folder.new"
mvn -q -B -ntp -f "$here/pom.xml" dependency:copy-dependencies \
  -DincludeScope=runtime -DoutputDirectory="$(realpath -m "$folder.new")"
(cd "$folder.new" && sha256sum --quiet --check "$here/jars.sha256")
rm -rf "$folder"
mv "$folder.new" "$folder"
