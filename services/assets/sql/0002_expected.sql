-- Projects that were paid for: which kind they are, and whether an asset is due.

ALTER TABLE known.projects ADD COLUMN kind text;
COMMENT ON COLUMN known.projects.kind IS 'As proposed; null: copied before this column was, until the copy is built again.';

CREATE TABLE view.expected_formations (
    project      uuid PRIMARY KEY,
    area         uuid NOT NULL,
    kind         text NOT NULL,
    expected_on  date NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.expected_formations IS 'Projects whose kind leaves an asset, from their first payment on.';

GRANT SELECT, INSERT, UPDATE ON view.expected_formations TO {{app}};
