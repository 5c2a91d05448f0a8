-- Of a task there may be several who may not answer it.

ALTER TABLE view.tasks ADD COLUMN not_persons text[] NOT NULL DEFAULT '{}';
