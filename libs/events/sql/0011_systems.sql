-- The systems of others and the public keys by which this service knows them; from households.

CREATE TABLE known.systems (
    id            uuid PRIMARY KEY,
    code          text NOT NULL,
    organisation  text NOT NULL,
    unit          text NOT NULL,
    area          uuid
) WITH (fillfactor = 70);
COMMENT ON TABLE known.systems IS 'Systems that may call; area null: the whole installation.';

CREATE TABLE known.system_keys (
    system       uuid NOT NULL,
    kid          text NOT NULL,
    key          text NOT NULL,
    valid_from   timestamptz NOT NULL,
    valid_until  timestamptz NOT NULL,
    PRIMARY KEY (system, kid)
) WITH (fillfactor = 70);
COMMENT ON TABLE known.system_keys IS 'Public keys of systems as JSON Web Keys, each with when it is believed.';

CREATE TABLE known.retired_system_keys (
    system  uuid NOT NULL,
    kid     text NOT NULL,
    PRIMARY KEY (system, kid)
) WITH (fillfactor = 70);
COMMENT ON TABLE known.retired_system_keys IS 'Keys that are believed no more, whatever their days say.';

GRANT SELECT, INSERT, UPDATE ON known.systems, known.system_keys, known.retired_system_keys
   TO {{app}};
