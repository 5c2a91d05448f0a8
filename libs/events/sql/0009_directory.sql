-- Who may act, as known from households: each row by events of one kind, joined when asked.

CREATE TABLE known.users (
    id       uuid PRIMARY KEY,
    subject  text NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX ON known.users (subject);
COMMENT ON TABLE known.users IS 'Those who work with the system, by what the issuer of tokens calls them.';

CREATE TABLE known.seats (
    id    uuid PRIMARY KEY,
    area  uuid,
    unit  uuid,
    post  text NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE known.seats IS 'For which unit and in which post a user acts now; the area is the unit''s.';

CREATE TABLE known.disabled (id uuid PRIMARY KEY);
COMMENT ON TABLE known.disabled IS 'Users who may do nothing any more.';

CREATE TABLE known.successors (
    id         uuid NOT NULL,
    successor  uuid NOT NULL,
    position   bigint NOT NULL,
    PRIMARY KEY (id, successor)
) WITH (fillfactor = 70);
CREATE INDEX ON known.successors (successor);
COMMENT ON TABLE known.successors IS 'Everyone who ever took over the work of a user; the highest position is the one of now.';

CREATE TABLE known.grants (
    id           uuid PRIMARY KEY,
    holder       uuid NOT NULL,
    of           uuid,
    area         uuid,
    duties       text[] NOT NULL,
    valid_from   date NOT NULL,
    valid_until  date
) WITH (fillfactor = 70);
CREATE INDEX ON known.grants (holder);
COMMENT ON TABLE known.grants IS 'Grants, and delegations as grants that stand on another one.';
COMMENT ON COLUMN known.grants.of IS 'The grant that is delegated; null for a grant of the holder''s own.';

CREATE TABLE known.grant_ends (
    id           uuid PRIMARY KEY,
    valid_until  date NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE known.grant_ends IS 'Grants that ended before their last day.';

GRANT SELECT, INSERT, UPDATE ON known.users, known.seats, known.disabled, known.successors,
      known.grants, known.grant_ends TO {{app}};
