-- The log of one store: events, the requests that made them, cursors of readers. ADR 0001.
-- Two indexes on events and no more: each further one is paid on every append.

CREATE SCHEMA es;

CREATE TABLE es.store (
    one       bool PRIMARY KEY DEFAULT true CHECK (one),
    store_id  uuid NOT NULL,
    epoch     smallint NOT NULL CHECK (epoch > 0),
    ahead     interval NOT NULL DEFAULT '30 days'
);
COMMENT ON TABLE es.store IS 'Which store this is and which life of it; one row.';
COMMENT ON COLUMN es.store.ahead IS 'How far behind the clock the head may be before an operator must confirm the clock.';

CREATE TABLE es.events (
    position        bigint PRIMARY KEY,
    stream_id       uuid NOT NULL,
    version         bigint NOT NULL,
    recorded_at     timestamptz NOT NULL,
    epoch           smallint NOT NULL,
    schema_version  smallint NOT NULL,
    type            text NOT NULL,
    seen            json NOT NULL,
    salt            bytea NOT NULL,
    payload         json NOT NULL,
    metadata        json NOT NULL,
    UNIQUE (stream_id, version)
);
COMMENT ON TABLE es.events IS 'What happened. Never changed: positions dense from 1 in commit order, bytes as sent.';
COMMENT ON COLUMN es.events.seen IS 'Positions of the other feeds that this service had applied, read under the lock.';
COMMENT ON COLUMN es.events.salt IS '16 random bytes; a proof opens payload or metadata and hides the other.';
ALTER TABLE es.events SET (autovacuum_vacuum_insert_scale_factor = 0.05);

CREATE TABLE es.requests (
    request_id   uuid PRIMARY KEY,
    body_hash    bytea NOT NULL,
    version      bigint NOT NULL,
    position     bigint NOT NULL,
    events       int NOT NULL,
    recorded_at  timestamptz NOT NULL,
    keep         bool NOT NULL,
    answer       json NOT NULL,
    command      json,
    facts        json
);
COMMENT ON TABLE es.requests IS 'Every answered command: its key, what was asked, what was known, what was answered first.';
COMMENT ON COLUMN es.requests.position IS 'Of its last event; of the head as then where it has none.';
COMMENT ON COLUMN es.requests.keep IS 'Moves money: the key is never pruned.';

CREATE TABLE es.cursors (
    reader        text NOT NULL,
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    leaf          bytea,
    token         bigint NOT NULL DEFAULT 0,
    confirmed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    stopped       text,
    PRIMARY KEY (reader, source)
) WITH (fillfactor = 50);
COMMENT ON TABLE es.cursors IS 'How far each reader of this service has applied each source; moved with its effect.';
COMMENT ON COLUMN es.cursors.leaf IS 'Leaf of the event at position: another one there is a fork.';
COMMENT ON COLUMN es.cursors.confirmed_at IS 'When the reader last stood at the head of its source.';
COMMENT ON COLUMN es.cursors.stopped IS 'Why the reader stopped, in words; null while it runs.';

CREATE TABLE es.leases (
    name    text PRIMARY KEY,
    holder  uuid NOT NULL,
    token   bigint NOT NULL,
    until   timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE es.leases IS 'Who may write for a reader; the token fences a holder that slept past its lease.';

CREATE FUNCTION es.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: what was recorded is never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'ES004';
END $$;
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON es.events
    FOR EACH STATEMENT EXECUTE FUNCTION es.refuse_change();
CREATE TRIGGER never_changed BEFORE UPDATE OR TRUNCATE ON es.requests
    FOR EACH STATEMENT EXECUTE FUNCTION es.refuse_change();
CREATE TRIGGER never_pruned BEFORE DELETE ON es.requests
    FOR EACH ROW WHEN (OLD.keep) EXECUTE FUNCTION es.refuse_change();

GRANT USAGE ON SCHEMA es TO {{app}}, {{feed}};
GRANT SELECT, INSERT ON es.events, es.requests TO {{app}};
GRANT SELECT ON es.store TO {{app}}, {{feed}};
GRANT SELECT ON es.events TO {{feed}};
GRANT SELECT, INSERT, UPDATE ON es.cursors, es.leases TO {{app}};
