-- What was paid for, so that a corrected kind of project makes an asset due, or no longer.

CREATE TABLE known.paid (
    project  uuid PRIMARY KEY,
    paid_on  date NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE known.paid IS 'Projects that were paid for, with the day of the last payment; from funds. Payments before this table was are there once the copy is built again.';

ALTER TABLE view.expected_formations ADD COLUMN due boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN view.expected_formations.due IS 'False: the kind of the project was corrected to one that leaves nothing.';

GRANT SELECT, INSERT, UPDATE ON known.paid TO {{app}};
