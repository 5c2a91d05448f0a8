-- Where a log's topic is read and written, beside the effect. ADR 0009.

ALTER TABLE es.cursors ADD COLUMN topic_offset bigint,
                       ADD COLUMN taken bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN es.cursors.topic_offset IS 'Offset in the topic of the source of the last event that came by it: a hint where to go on, never the truth.';
COMMENT ON COLUMN es.cursors.taken IS 'Events that came by the topic; what is missing to position was read from the owner''s log.';
