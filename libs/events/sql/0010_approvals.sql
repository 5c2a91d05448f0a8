-- What waits for others to say yes, and how it ended.

CREATE TABLE es.approvals (
    id            uuid PRIMARY KEY,
    area          uuid,
    command       text NOT NULL,
    target        uuid,
    maker         text NOT NULL,
    amount_fen    bigint,
    needed        int NOT NULL,
    duties        text[] NOT NULL,
    requested_at  timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE es.approvals IS 'Commands that need others to say yes, as they were asked for.';

CREATE TABLE es.approval_states (
    approval  uuid PRIMARY KEY,
    state     text NOT NULL,
    at        timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE es.approval_states IS 'submitted, approved, rejected or withdrawn, since when.';

GRANT SELECT, INSERT, UPDATE ON es.approvals, es.approval_states TO {{app}};
