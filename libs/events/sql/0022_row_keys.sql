-- What a row of a sheet is called beside its number, and which release judged it.

ALTER TABLE es.job_rows ADD COLUMN key text;
COMMENT ON COLUMN es.job_rows.key IS 'The row''s own key, such as a household''s number, where the sheet has one and it can be no person''s number.';
ALTER TABLE es.jobs ADD COLUMN release text;
COMMENT ON COLUMN es.jobs.release IS 'The release by whose rules the rows were judged.';
