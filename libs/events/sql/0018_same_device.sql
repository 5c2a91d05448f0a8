-- Approvals of which two steps came from one browser or device within the time that data allow.

CREATE TABLE es.approval_flags (
    approval  uuid PRIMARY KEY,
    by        text NOT NULL,
    after_s   int NOT NULL,
    at        timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE es.approval_flags IS 'For the auditor: who said yes last from a device of an earlier step, how many seconds after it.';

GRANT SELECT, INSERT, UPDATE ON es.approval_flags TO {{app}};
