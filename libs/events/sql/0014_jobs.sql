-- Imports and the jobs that take them: work, not record. What was taken stands in the log. ADR 0020.

CREATE TABLE es.imports (
    id          uuid PRIMARY KEY,
    importer    text NOT NULL,
    area        uuid NOT NULL,
    digest      text NOT NULL,
    name        text NOT NULL,
    sheet       text NOT NULL,
    settings    jsonb NOT NULL,
    mapping     jsonb,
    units       jsonb NOT NULL DEFAULT '{}',
    actor       jsonb NOT NULL,
    behalf      text,
    body_hash   bytea NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);
COMMENT ON TABLE es.imports IS 'A sheet of a file that somebody wants taken, and which column is which field.';

CREATE TABLE es.shapes (
    importer  text NOT NULL,
    shape     bytea NOT NULL,
    mapping   jsonb NOT NULL,
    units     jsonb NOT NULL,
    said_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (importer, shape)
) WITH (fillfactor = 70);
COMMENT ON TABLE es.shapes IS 'What people said of sheets with these heads: the next one is mapped so.';

CREATE TABLE es.jobs (
    id           uuid PRIMARY KEY,
    number       bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    import       uuid NOT NULL REFERENCES es.imports,
    mode         text NOT NULL CHECK (mode IN ('all', 'valid_rows')),
    dry_run      boolean NOT NULL,
    body_hash    bytea NOT NULL,
    state        text NOT NULL DEFAULT 'queued'
                 CHECK (state IN ('queued', 'running', 'done', 'refused', 'cancelled', 'failed')),
    phase        text NOT NULL DEFAULT 'checking' CHECK (phase IN ('checking', 'taking')),
    same_as      bigint,
    cancel       boolean NOT NULL DEFAULT false,
    reached      int NOT NULL DEFAULT 0,
    starts       int NOT NULL DEFAULT 0,
    error        text,
    counts       jsonb,
    outcome      text,
    rejected     text,
    asked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at     timestamptz
) WITH (fillfactor = 70);
CREATE INDEX ON es.jobs (state) WHERE state IN ('queued', 'running');
CREATE INDEX ON es.jobs (import);
COMMENT ON TABLE es.jobs IS 'The taking of an import by a worker: how far it got, how it ended.';
COMMENT ON COLUMN es.jobs.reached IS 'The last row of its sheet that the present phase is through with.';
COMMENT ON COLUMN es.jobs.starts IS 'How often a worker began it since it last got further: more than once after a kill.';
COMMENT ON COLUMN es.jobs.outcome IS 'Digest of the error workbook.';

CREATE TABLE es.job_chunks (
    job     uuid NOT NULL REFERENCES es.jobs ON DELETE CASCADE,
    first   int NOT NULL,
    runs    jsonb NOT NULL,
    PRIMARY KEY (job, first)
);
COMMENT ON TABLE es.job_chunks IS 'What of a chunk is to be done, on disk before it is done: a killed worker goes on with that and decides nothing anew.';

CREATE TABLE es.job_rows (
    job       uuid NOT NULL REFERENCES es.jobs ON DELETE CASCADE,
    phase     text NOT NULL,
    number    int NOT NULL,
    result    text NOT NULL CHECK (result IN ('accepted', 'rejected', 'ignored')),
    fen       bigint,
    why       text,
    faults    jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (job, phase, number)
);
COMMENT ON TABLE es.job_rows IS 'What became of each row of a sheet; of people nothing but where a cell stands.';

CREATE TABLE known.area_codes (
    area        uuid NOT NULL,
    valid_from  date NOT NULL,
    code        text NOT NULL,
    name        text NOT NULL,
    PRIMARY KEY (area, valid_from)
) WITH (fillfactor = 70);
COMMENT ON TABLE known.area_codes IS 'Codes and names of areas, each from a day on; from households.';

GRANT SELECT, INSERT, UPDATE, DELETE ON es.imports, es.shapes, es.jobs, es.job_chunks, es.job_rows TO {{app}};
GRANT SELECT, INSERT, UPDATE ON known.area_codes TO {{app}};
