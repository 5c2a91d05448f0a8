-- A job reads its sheet as it was mapped when it was committed: what is said later holds for the next commit.

ALTER TABLE es.jobs
    ADD COLUMN mapping jsonb,
    ADD COLUMN units jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN es.jobs.mapping IS 'Which column is which field, as it was said when the job was asked for.';
UPDATE es.jobs j SET mapping = i.mapping, units = i.units FROM es.imports i WHERE i.id = j.import;
