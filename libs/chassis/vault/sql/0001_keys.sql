-- Keys and maps of people's data (design 9). No event, no name, no number is here in plain: keys are
-- wrapped by the level above, numbers and names are HMACs under keys of this vault.

CREATE SCHEMA vault;

CREATE TABLE vault.purposes (
    name text PRIMARY KEY,
    wrapped bytea NOT NULL
);
COMMENT ON TABLE vault.purposes IS 'Keys of the HMACs, one a purpose, wrapped by the master';

CREATE TABLE vault.areas (
    area uuid,
    year smallint,
    wrapped bytea NOT NULL,
    PRIMARY KEY (area, year)
);
COMMENT ON TABLE vault.areas IS 'Keys of a county and year, wrapped by the master';

CREATE TABLE vault.subjects (
    subject uuid PRIMARY KEY,
    area uuid NOT NULL,
    year smallint NOT NULL,
    wrapped bytea NOT NULL
);
COMMENT ON TABLE vault.subjects IS 'Key of a person, wrapped by that of the county and year; erasure deletes it';

CREATE TABLE vault.ids (
    kind smallint,
    mac bytea,
    id uuid NOT NULL,
    PRIMARY KEY (kind, mac)
);
COMMENT ON TABLE vault.ids IS 'The random id of an ID number (kind 1), a phone (2), an account (3)';

CREATE TABLE vault.holders (
    kind smallint,
    mac bytea,
    subject uuid,
    PRIMARY KEY (kind, mac, subject)
);
CREATE INDEX holders_subject ON vault.holders (subject);
COMMENT ON TABLE vault.holders IS 'Whose it is; a phone or an account may be held by several persons';

CREATE TABLE vault.names (
    area uuid,
    mac bytea,
    subject uuid,
    PRIMARY KEY (area, mac, subject)
);
CREATE INDEX names_subject ON vault.names (subject);
COMMENT ON TABLE vault.names IS 'Blind index of names within a village';

-- Keys of areas and purposes are never deleted: without one all that it wraps is lost.
GRANT USAGE ON SCHEMA vault TO {{app}};
GRANT SELECT, INSERT ON vault.purposes, vault.areas TO {{app}};
GRANT SELECT, INSERT, DELETE ON vault.subjects, vault.ids, vault.holders, vault.names TO {{app}};
