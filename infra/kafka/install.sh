#!/usr/bin/env bash
# Copy the broker's jars, as pom.xml names them, into a folder, and check each: install.sh FOLDER
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
folder="${1:?usage: $0 FOLDER}"
plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1

rm -rf "$folder.new"
mvn -q -B -ntp -f "$here/pom.xml" "$plugin:copy-dependencies" \
  -DincludeScope=runtime -DoutputDirectory="$(realpath -m "$folder.new")"
# These jars, each as it was, and no other.
(cd "$folder.new" && sha256sum --quiet --check "$here/jars.sha256")
diff <(awk '{ print $2 }' "$here/jars.sha256" | sort) <(ls "$folder.new" | sort)
rm -rf "$folder"
mv "$folder.new" "$folder"
