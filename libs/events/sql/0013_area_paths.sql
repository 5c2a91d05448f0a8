-- Areas move, are merged and are split: what known.areas said for ever holds until a day.

CREATE TABLE known.area_paths (
    area        uuid NOT NULL,
    valid_from  date NOT NULL,
    path        uuid[] NOT NULL,
    PRIMARY KEY (area, valid_from)
) WITH (fillfactor = 70);
COMMENT ON TABLE known.area_paths IS 'Paths that an area had after it moved, each from a day on; known.areas holds the first one.';

CREATE TABLE known.area_ends (
    area      uuid PRIMARY KEY,
    ended_on  date NOT NULL,
    merged    boolean NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE known.area_ends IS 'Areas that are no more from a day on: merged into another, or split up.';

COMMENT ON COLUMN known.areas.path IS 'As registered: until the first day in known.area_paths, if any.';

GRANT SELECT, INSERT, UPDATE ON known.area_paths, known.area_ends TO {{app}};
