-- Of a task there may be several who may not answer it.

ALTER TABLE es.tasks ADD COLUMN not_persons text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN es.tasks.not_persons IS 'More actors'' ids beside not_person: on whose behalf it is, and who did their part.';
