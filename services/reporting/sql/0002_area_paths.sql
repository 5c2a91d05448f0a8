-- Areas move: where each stood from a day on, by the event that told it.

CREATE TABLE view.area_paths (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    area          uuid NOT NULL,
    valid_from    date NOT NULL,
    path          uuid[] NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
COMMENT ON TABLE view.area_paths IS 'Paths that areas had after they moved, each from a day on; of one day the last event holds. view.areas has the path as registered.';

GRANT SELECT, INSERT ON view.area_paths TO {{app}};
