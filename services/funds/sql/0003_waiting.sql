-- What waits for somebody by a day: fen that are not yet arranged, lists that the bank has not answered.

CREATE TABLE view.unallocated (
    lot         uuid PRIMARY KEY,
    amount_fen  bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.unallocated IS 'Fen of each lot that are arranged for nothing yet, over all purposes.';
COMMENT ON COLUMN view.unallocated.amount_fen IS 'fen';

CREATE TABLE view.sent_batches (
    batch    uuid PRIMARY KEY,
    sent_on  date NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.sent_batches IS 'Lists that went to the bank.';

CREATE TABLE view.answered_lines (
    batch  uuid PRIMARY KEY,
    lines  bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.answered_lines IS 'Lines of each list that the bank credited or sent back.';

GRANT SELECT, INSERT, UPDATE ON view.unallocated, view.sent_batches, view.answered_lines TO {{app}};
