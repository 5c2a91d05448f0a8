-- What funds knows of households, and the lists that its own log fills.

CREATE TABLE known.households (
    id          uuid PRIMARY KEY,
    area        uuid NOT NULL,
    members     uuid[] NOT NULL,
    position    bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE known.households IS 'Registered households by opaque id; from households.';

CREATE TABLE known.organisations (
    id    uuid PRIMARY KEY,
    kind  text NOT NULL,
    name  text NOT NULL,
    area  uuid NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE known.organisations IS 'Units, contractors, insurers and banks; from households.';

GRANT SELECT, INSERT, UPDATE ON known.households, known.organisations TO {{app}};
