-- What this service knows of others: copies fed by its `known` readers, never written by a rule.

CREATE SCHEMA known;

CREATE TABLE known.areas (
    id          uuid PRIMARY KEY,
    path        uuid[] NOT NULL,
    level       text NOT NULL,
    valid_from  date NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE known.areas IS 'Areas with their ancestors from the top, themselves last; from households.';

GRANT USAGE ON SCHEMA known TO {{app}};
GRANT SELECT, INSERT, UPDATE ON known.areas TO {{app}};
