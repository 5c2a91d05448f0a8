-- What assets knows of households and funds, and what it shows of its own log.

CREATE TABLE known.organisations (
    id    uuid PRIMARY KEY,
    kind  text NOT NULL,
    name  text NOT NULL,
    area  uuid NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE known.organisations IS 'Units that keep ledgers, own or hold assets; from households.';

CREATE TABLE known.projects (
    id    uuid PRIMARY KEY,
    area  uuid NOT NULL,
    name  text NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE known.projects IS 'Projects as proposed; from funds.';

CREATE TABLE known.funded (
    project     uuid NOT NULL,
    lot         uuid NOT NULL,
    amount_fen  bigint NOT NULL,
    PRIMARY KEY (project, lot)
) WITH (fillfactor = 70);
COMMENT ON TABLE known.funded IS 'Fen that each lot gave to each project; from funds.';
COMMENT ON COLUMN known.funded.amount_fen IS 'fen';

GRANT SELECT, INSERT, UPDATE ON known.organisations, known.projects, known.funded TO {{app}};

CREATE SCHEMA view;

CREATE TABLE view.assets (
    id         uuid PRIMARY KEY,
    area       uuid NOT NULL,
    project    uuid NOT NULL,
    name       text NOT NULL,
    kind       text NOT NULL,
    value_fen  bigint,
    formed_on  date NOT NULL,
    quantity   text
) WITH (fillfactor = 70);
COMMENT ON TABLE view.assets IS 'Assets as formed.';
COMMENT ON COLUMN view.assets.value_fen IS 'fen; null: the document does not state it';
CREATE INDEX ON view.assets (project);

CREATE TABLE view.categories (
    asset     uuid PRIMARY KEY,
    category  text NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.categories IS 'The one category of each asset at present.';

CREATE TABLE view.ledgers (
    asset      uuid NOT NULL,
    ledger     text NOT NULL CHECK (ledger IN ('total', 'part')),
    keeper     uuid NOT NULL,
    code       text NOT NULL,
    value_fen  bigint,
    PRIMARY KEY (asset, ledger)
) WITH (fillfactor = 70);
COMMENT ON TABLE view.ledgers IS 'Entries of the county total ledger and of the part ledgers.';
COMMENT ON COLUMN view.ledgers.value_fen IS 'fen as this ledger says; null: not stated';

GRANT USAGE ON SCHEMA view TO {{app}};
GRANT SELECT, INSERT, UPDATE ON view.assets, view.categories, view.ledgers TO {{app}};
