-- Who is listed in which household, by opaque ids: one person in two households is a case.

CREATE TABLE view.members (
    person     uuid NOT NULL,
    household  uuid NOT NULL,
    area       uuid NOT NULL,
    PRIMARY KEY (person, household)
) WITH (fillfactor = 70);
COMMENT ON TABLE view.members IS 'Every person listed in a household, with the household''s village.';

GRANT SELECT, INSERT, UPDATE ON view.members TO {{app}};
