-- What waits: events without their effect yet, tasks for people, subscriptions of other systems. ADR 0011.

CREATE TABLE es.parked (
    reader     text NOT NULL,
    source     text NOT NULL,
    key        uuid NOT NULL,
    position   bigint NOT NULL,
    attempts   int NOT NULL,
    next_at    timestamptz NOT NULL,
    reason     text NOT NULL,
    parked_at  timestamptz NOT NULL,
    PRIMARY KEY (reader, source, position)
) WITH (fillfactor = 70);
CREATE INDEX ON es.parked (reader, source, key, position);
COMMENT ON TABLE es.parked IS 'Events whose effect must wait, in order by key: their position only, they are read again from their log.';
COMMENT ON COLUMN es.parked.attempts IS 'Tries that failed; 0 behind another event of its key.';
COMMENT ON COLUMN es.parked.next_at IS 'Not tried before; counts for the oldest of its key.';

CREATE TABLE es.tasks (
    id         uuid PRIMARY KEY,
    area       uuid,
    kind       text NOT NULL,
    waits_for  text NOT NULL,
    due_on     date,
    target     uuid,
    about      text NOT NULL,
    reason     text NOT NULL,
    opened_at  timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE es.tasks IS 'What waits for whom by when, as opened.';

CREATE TABLE es.closed_tasks (
    task       uuid PRIMARY KEY,
    note       text NOT NULL,
    closed_at  timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE es.closed_tasks IS 'Tasks that wait no longer.';

CREATE TABLE es.subscriptions (
    id             uuid PRIMARY KEY,
    area           uuid,
    url            text NOT NULL,
    types          text[],
    from_position  bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE es.subscriptions IS 'Whom this log tells of its events, as opened.';

CREATE TABLE es.subscription_states (
    subscription  uuid PRIMARY KEY,
    state         text NOT NULL CHECK (state IN ('active', 'paused')),
    reason        text,
    position      bigint NOT NULL,
    since         timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE es.subscription_states IS 'Whether a subscription is sent to, since which event.';

CREATE TABLE es.redeliveries (
    subscription   uuid PRIMARY KEY,
    from_position  bigint NOT NULL,
    position       bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE es.redeliveries IS 'The last redelivery asked for: from where, and by which event.';

CREATE TABLE es.deliveries (
    subscription  uuid PRIMARY KEY,
    redelivered   bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE es.deliveries IS 'Which redelivery the cursor of a subscription was last set back for.';

CREATE TABLE es.secrets (
    subscription  uuid NOT NULL,
    number        int NOT NULL,
    secret        bytea NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (subscription, number)
);
COMMENT ON TABLE es.secrets IS 'What signs deliveries: the newest, and the one before it for a day. In no event, no answer kept, no log line.';

-- DELETE too: a parked row is work, not a record; an old secret must be gone.
GRANT SELECT, INSERT, UPDATE, DELETE ON es.parked TO {{app}};
GRANT SELECT, INSERT, DELETE ON es.secrets TO {{app}};
GRANT SELECT, INSERT, UPDATE ON es.tasks, es.closed_tasks, es.subscriptions, es.subscription_states,
      es.redeliveries, es.deliveries TO {{app}};
