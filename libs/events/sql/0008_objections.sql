-- What rules objected to, whether it passed or not; for those who look for bending.

CREATE TABLE es.objections (
    id        uuid PRIMARY KEY,
    kind      text NOT NULL,
    rule      text NOT NULL,
    command   text NOT NULL,
    area      uuid,
    target    uuid,
    numbers   text NOT NULL,
    reason    text,
    evidence  text,
    actor     text NOT NULL,
    role      text NOT NULL,
    unit      text NOT NULL,
    at        timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX ON es.objections (kind, rule, id);
COMMENT ON TABLE es.objections IS 'Refusals, overrides and warnings, each with who asked, in which role and for which unit.';
COMMENT ON COLUMN es.objections.kind IS 'refusal: it did not pass; override: with a reason; warning: it passed and was told.';
COMMENT ON COLUMN es.objections.area IS 'Of a refusal the area of who asked, else where the thing lies; null: the whole installation.';

GRANT SELECT, INSERT, UPDATE ON es.objections TO {{app}};
