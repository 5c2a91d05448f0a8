-- Where a log's topic is read and written, beside the effect. ADR 0009.

ALTER TABLE es.cursors ADD COLUMN topic_offset bigint;
COMMENT ON COLUMN es.cursors.topic_offset IS 'Offset of the event at position in the topic of the source, where it came by Kafka: a hint where to go on, never the truth.';
