-- Areas by name: as they were ever called, and by confirmed aliases.

CREATE TABLE view.area_names (
    area  uuid NOT NULL,
    name  text NOT NULL,
    PRIMARY KEY (area, name)
) WITH (fillfactor = 70);
COMMENT ON TABLE view.area_names IS 'Every name that an area bore, and every alias that was registered or confirmed.';
CREATE INDEX ON view.area_names (name);

GRANT SELECT, INSERT, UPDATE ON view.area_names TO {{app}};

CREATE TABLE view.alias_proposals (
    id       uuid PRIMARY KEY,
    area     uuid NOT NULL,
    of       text NOT NULL,
    subject  uuid NOT NULL,
    alias    text NOT NULL,
    met      text NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.alias_proposals IS 'Names proposed as aliases of areas and organisations; they resolve nothing.';

CREATE TABLE view.alias_rulings (
    proposal  uuid PRIMARY KEY,
    state     text NOT NULL,
    reason    text
) WITH (fillfactor = 70);
COMMENT ON TABLE view.alias_rulings IS 'What stewards decided of proposed aliases: confirmed or rejected.';

GRANT SELECT, INSERT, UPDATE ON view.alias_proposals, view.alias_rulings TO {{app}};
