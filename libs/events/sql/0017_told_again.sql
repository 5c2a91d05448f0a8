-- Of a task there may be several who may not answer it; a deadline may be told again.

ALTER TABLE es.tasks ADD COLUMN not_persons text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN es.tasks.not_persons IS 'More actors'' ids beside not_person: on whose behalf it is, and who did their part.';
CREATE INDEX ON es.tasks (target);

ALTER TABLE es.deadlines ADD COLUMN again int NOT NULL DEFAULT 0;
COMMENT ON COLUMN es.deadlines.again IS 'How often the task of it had closed by itself before: what then waits again is told again.';
