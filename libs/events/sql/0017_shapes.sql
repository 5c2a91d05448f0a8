-- What is said of sheets with the same heads holds in one area and below it.

DROP TABLE es.shapes;
CREATE TABLE es.shapes (
    importer  text NOT NULL,
    shape     bytea NOT NULL,
    area      uuid NOT NULL,
    mapping   jsonb NOT NULL,
    units     jsonb NOT NULL,
    said_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (importer, shape, area)
) WITH (fillfactor = 70);
COMMENT ON TABLE es.shapes IS 'What people of an area said of sheets with these heads: the next one there, or below, is mapped so.';

GRANT SELECT, INSERT, UPDATE ON es.shapes TO {{app}};
