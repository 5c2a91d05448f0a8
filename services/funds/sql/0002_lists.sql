-- The lists that funds shows of its own log: one row a thing, as it was registered or last stood.

CREATE SCHEMA view;

CREATE TABLE view.documents (
    id         uuid PRIMARY KEY,
    area       uuid NOT NULL,
    number     text NOT NULL,
    kind       text NOT NULL,
    title      text NOT NULL,
    issued_on  date NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.documents IS 'Letters by 文号.';

CREATE TABLE view.lots (
    id          uuid PRIMARY KEY,
    area        uuid NOT NULL,
    level       text NOT NULL,
    year        int NOT NULL,
    fund_name   text NOT NULL,
    batch       text NOT NULL,
    document    uuid NOT NULL,
    amount_fen  bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.lots IS 'Receipts of money; where their fen lie now is told by each lot itself.';

CREATE TABLE view.projects (
    id       uuid PRIMARY KEY,
    area     uuid NOT NULL,
    year     int NOT NULL,
    name     text NOT NULL,
    kind     text NOT NULL,
    purpose  text NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.projects IS 'Projects as proposed.';

CREATE TABLE view.payments (
    id          uuid PRIMARY KEY,
    area        uuid NOT NULL,
    project     uuid NOT NULL,
    payee       uuid NOT NULL,
    use         text NOT NULL,
    amount_fen  bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.payments IS 'Payments to one payee, as ordered.';

CREATE TABLE view.batches (
    id          uuid PRIMARY KEY,
    area        uuid NOT NULL,
    project     uuid NOT NULL,
    scheme      text NOT NULL,
    period      text NOT NULL,
    tranche     int NOT NULL,
    grade       text NOT NULL,
    count       bigint NOT NULL,
    amount_fen  bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.batches IS 'Lists of payments, as declared.';

GRANT USAGE ON SCHEMA view TO {{app}};
GRANT SELECT, INSERT, UPDATE
   ON view.documents, view.lots, view.projects, view.payments, view.batches TO {{app}};
