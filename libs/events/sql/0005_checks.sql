-- What the checker has found: per invariant how far, and the first counterexample. ADR 0012.

CREATE TABLE es.checks (
    invariant       text PRIMARY KEY,
    position        bigint NOT NULL DEFAULT 0,
    checked         bigint NOT NULL DEFAULT 0,
    counterexample  json,
    at              timestamptz,
    state           json,
    token           bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON TABLE es.checks IS 'How far each invariant is checked, and what breaks it; kept by the checker alone.';
COMMENT ON COLUMN es.checks.position IS 'Checked to here; of one that goes round and round: where the log stood when its last whole round began.';
COMMENT ON COLUMN es.checks.checked IS 'How many events, or things in the last whole round, were looked at.';
COMMENT ON COLUMN es.checks.counterexample IS 'The first found: event and numbers, no person. Null while it holds.';
COMMENT ON COLUMN es.checks.at IS 'When it was last looked at.';
COMMENT ON COLUMN es.checks.state IS 'Of one that goes round and round: where in the round it is.';

CREATE TABLE es.check_states (
    invariant  text NOT NULL,
    key        text NOT NULL,
    state      json,
    PRIMARY KEY (invariant, key)
) WITH (fillfactor = 70);
COMMENT ON TABLE es.check_states IS 'What an invariant along the log must remember, by the thing that it is about; as at its position in es.checks.';

CREATE TABLE es.leaves (
    bucket  bigint PRIMARY KEY,
    count   int NOT NULL,
    chain   bytea NOT NULL,
    marks   bytea NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE es.leaves IS 'What the log read like when it was first checked: 1,024 positions a bucket.';
COMMENT ON COLUMN es.leaves.chain IS 'SHA-256(chain before ‖ leaf), from 32 zeros at position 0 to the last position counted here.';
COMMENT ON COLUMN es.leaves.marks IS 'The first four bytes of each leaf: they name the position that changed.';

GRANT SELECT, INSERT, UPDATE ON es.checks, es.check_states, es.leaves TO {{app}};
