#!/bin/bash
# KAFKA_* to server.properties, CLUSTER_ID and KAFKA_HEAP_OPTS, as the maker's image reads them.
set -euo pipefail
properties=/etc/kafka/server.properties
env | sed -n 's/^KAFKA_//p' | grep -v '^HEAP_OPTS=' | while IFS='=' read -r name value; do
  name=${name,,}
  echo "${name//_/.}=$value"
done > "$properties"

java=(java -cp '/opt/kafka/libs/*' -Dlog4j2.configurationFile=/opt/kafka/log4j2.yaml)
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted --cluster-id "$CLUSTER_ID" -c "$properties"
# shellcheck disable=SC2086 # several options in one variable, as the maker's image takes them
exec "${java[@]}" ${KAFKA_HEAP_OPTS:-} kafka.Kafka "$properties"
