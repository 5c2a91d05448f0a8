-- Second factors of people: a secret that is wrapped, and the last step whose code was used. ADR 0016.

CREATE TABLE es.second_factors (
    person        text PRIMARY KEY,
    secret        bytea NOT NULL,
    enrolled_at   timestamptz NOT NULL,
    confirmed_at  timestamptz,
    last_step     bigint NOT NULL DEFAULT 0,
    used_for      uuid,
    tries         int NOT NULL DEFAULT 0,
    tried_at      timestamptz
) WITH (fillfactor = 70);
COMMENT ON TABLE es.second_factors IS 'By the opaque id of a caller. In no event, no answer kept, no log line.';
COMMENT ON COLUMN es.second_factors.secret IS 'Wrapped by a key that is not in the database.';
COMMENT ON COLUMN es.second_factors.last_step IS 'RFC 6238 time step; codes of it and of earlier ones are used up.';
COMMENT ON COLUMN es.second_factors.used_for IS 'The request that the last code was used for: its repeat is no second use.';
COMMENT ON COLUMN es.second_factors.tries IS 'Without a right code since the last one.';

GRANT SELECT, INSERT, UPDATE, DELETE ON es.second_factors TO {{app}};
