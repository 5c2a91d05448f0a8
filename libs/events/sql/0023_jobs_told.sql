-- A job reads its sheet as it was mapped when it was committed: what is said later holds for the next commit.

ALTER TABLE es.jobs
    ADD COLUMN mapping jsonb,
    ADD COLUMN units jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN es.jobs.mapping IS 'Which column is which field, as it was said when the job was asked for.';
UPDATE es.jobs j SET mapping = i.mapping, units = i.units FROM es.imports i WHERE i.id = j.import;

ALTER TABLE es.job_rows
    DROP CONSTRAINT job_rows_result_check,
    ADD CONSTRAINT job_rows_result_check
        CHECK (result IN ('accepted', 'acceptable', 'rejected', 'ignored'));
UPDATE es.job_rows SET result = 'acceptable' WHERE phase = 'checking' AND result = 'accepted';
COMMENT ON COLUMN es.job_rows.result IS 'Acceptable is what was checked and would be taken; accepted is what was taken.';
