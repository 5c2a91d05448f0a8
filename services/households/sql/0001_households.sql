-- What households shows of its own log. known.areas (set log) is filled from the same log here.

CREATE SCHEMA view;

CREATE TABLE view.area_codes (
    area        uuid NOT NULL,
    valid_from  date NOT NULL,
    code        text NOT NULL,
    name        text NOT NULL,
    PRIMARY KEY (area, valid_from)
) WITH (fillfactor = 70);
COMMENT ON TABLE view.area_codes IS 'Codes and names of areas, each from a day on; the area is the id.';
CREATE INDEX ON view.area_codes (code);

CREATE TABLE view.organisations (
    id    uuid PRIMARY KEY,
    area  uuid NOT NULL,
    name  text NOT NULL,
    kind  text NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.organisations IS 'Organisations as registered.';

CREATE TABLE view.organisation_names (
    area          uuid NOT NULL,
    name          text NOT NULL,
    organisation  uuid NOT NULL,
    PRIMARY KEY (area, name)
) WITH (fillfactor = 70);
COMMENT ON TABLE view.organisation_names IS 'Every name and alias within an area, and whose it is.';
CREATE INDEX ON view.organisation_names (organisation);

GRANT USAGE ON SCHEMA view TO {{app}};
GRANT SELECT, INSERT, UPDATE ON view.area_codes, view.organisations, view.organisation_names
   TO {{app}};
