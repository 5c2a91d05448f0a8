-- Confirmed aliases of areas as every service knows them: sheets name areas by them.

CREATE TABLE known.area_aliases (
    area   uuid NOT NULL,
    alias  text NOT NULL,
    PRIMARY KEY (area, alias)
) WITH (fillfactor = 70);
COMMENT ON TABLE known.area_aliases IS 'Other names of areas, registered or confirmed by a steward; from households.';

GRANT SELECT, INSERT, UPDATE ON known.area_aliases TO {{app}};
