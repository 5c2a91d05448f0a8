-- A deadline whose task closed by itself may be told again.

CREATE INDEX ON es.tasks (target);

ALTER TABLE es.deadlines ADD COLUMN again int NOT NULL DEFAULT 0;
COMMENT ON COLUMN es.deadlines.again IS 'How often the task of it had closed by itself before: what then waits again is told again.';
