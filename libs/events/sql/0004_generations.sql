-- Builds of the read model (schemas known and view). ADR 0010.

CREATE TABLE es.generations (
    number  int PRIMARY KEY,
    state   text NOT NULL CHECK (state IN ('building', 'fed', 'serving', 'failed', 'dropped')),
    since   timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason  text
);
COMMENT ON TABLE es.generations IS 'Builds of the read model: one serves as known and view, another may stand beside it as known__g<n> and view__g<n>.';
COMMENT ON COLUMN es.generations.reason IS 'Why it failed, was dropped or was put in service, in words.';
CREATE UNIQUE INDEX ON es.generations (state) WHERE state = 'serving';
INSERT INTO es.generations (number, state) VALUES (1, 'serving');

-- In the cursor row, because a reader that waited for it must see what was written there last: a
-- look at another table from the same statement would be of the time before the wait.
ALTER TABLE es.cursors ADD COLUMN fed int[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN es.cursors.fed IS 'Generations, besides the serving one, into which the reader writes too.';

GRANT SELECT, UPDATE (state, since, reason) ON es.generations TO {{app}};
