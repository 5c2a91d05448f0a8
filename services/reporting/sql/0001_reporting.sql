-- Entries and what they name, as reporting reads them. A row is written by an event of one source
-- and never changed; (source, position, n) says which event, and which of its effects.

CREATE SCHEMA view;

CREATE TABLE view.movements (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    event         text NOT NULL,
    lot           uuid NOT NULL,
    purpose       text NOT NULL,
    project       uuid,
    account       text NOT NULL,
    place         text NOT NULL,
    payment       uuid,
    area          uuid,
    lines         bigint,
    amount_fen    bigint NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.movements (lot);
CREATE INDEX ON view.movements (payment);
CREATE INDEX ON view.movements (project);
COMMENT ON TABLE view.movements IS 'Postings, summary grade: each movement of a lot leaves one account (below zero) and enters another.';
COMMENT ON COLUMN view.movements.lines IS 'Beneficiary lines summed in it, signed as the amount.';
COMMENT ON COLUMN view.movements.document IS '文号 of the document that decided it.';

CREATE TABLE view.balances (
    lot         uuid NOT NULL,
    purpose     text NOT NULL,
    project     uuid NOT NULL,
    account     text NOT NULL,
    place       text NOT NULL,
    amount_fen  bigint NOT NULL,
    postings    bigint NOT NULL,
    PRIMARY KEY (lot, purpose, project, account, place)
) WITH (fillfactor = 70);
COMMENT ON TABLE view.balances IS 'Sums of view.movements, kept beside them.';
COMMENT ON COLUMN view.balances.project IS 'The zero UUID where the account belongs to no project.';

CREATE TABLE view.lines (
    source            text NOT NULL,
    epoch             smallint NOT NULL,
    position          bigint NOT NULL,
    n                 int NOT NULL,
    event             text NOT NULL,
    state             text NOT NULL,
    household         uuid NOT NULL,
    beneficiary       uuid NOT NULL,
    beneficiary_kind  text NOT NULL,
    batch             uuid NOT NULL,
    line              bigint NOT NULL,
    scheme            text NOT NULL,
    period            text NOT NULL,
    tranche           int NOT NULL,
    project           uuid NOT NULL,
    area              uuid NOT NULL,
    lot               uuid NOT NULL,
    purpose           text NOT NULL,
    lines             bigint NOT NULL,
    amount_fen        bigint NOT NULL,
    document          text,
    occurred_on       date NOT NULL,
    effective_on      date NOT NULL,
    recorded_at       timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.lines (lot, household);
CREATE INDEX ON view.lines (batch, household);
CREATE INDEX ON view.lines (household);
COMMENT ON TABLE view.lines IS 'Lines of lists, one row a draw and step: ordered, then paid or returned. Only paid ones count as paid.';
COMMENT ON COLUMN view.lines.lines IS '1 on the lot of the line''s first fen, else 0.';

CREATE TABLE view.populations (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    event         text NOT NULL,
    population    text NOT NULL,
    grade         text NOT NULL,
    area          uuid NOT NULL,
    project       uuid,
    households    bigint,
    persons       bigint,
    counted_on    date NOT NULL,
    quote         text,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
COMMENT ON TABLE view.populations IS 'Counts without a list, summary grade (汇总级).';

CREATE TABLE view.households (
    source         text NOT NULL,
    epoch          smallint NOT NULL,
    position       bigint NOT NULL,
    n              int NOT NULL,
    event          text NOT NULL,
    fact           text NOT NULL,
    household      uuid NOT NULL,
    area           uuid NOT NULL,
    era            text,
    register_type  text,
    synthetic      bool,
    risk           text,
    told_by        text,
    households     bigint NOT NULL,
    persons        bigint NOT NULL,
    document       text,
    occurred_on    date NOT NULL,
    effective_on   date NOT NULL,
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.households (household);
COMMENT ON TABLE view.households IS 'Households registered (counted once) and flagged, one row a risk.';

CREATE TABLE view.assets (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    event         text NOT NULL,
    fact          text NOT NULL,
    asset         uuid NOT NULL,
    area          uuid NOT NULL,
    project       uuid,
    lot           uuid,
    name          text,
    kind          text,
    category      text,
    ledger        text,
    organisation  uuid,
    code          text,
    quantity      text,
    value_fen     bigint,
    assets        bigint NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.assets (asset);
CREATE INDEX ON view.assets (lot);
CREATE INDEX ON view.assets (project);
COMMENT ON TABLE view.assets IS 'Life of assets: formed (value), source (what one lot gave), classified, recorded, confirmed, transferred.';
COMMENT ON COLUMN view.assets.organisation IS 'Keeper, owner or receiver, as the fact says.';

CREATE TABLE view.lots (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    lot           uuid NOT NULL,
    area          uuid NOT NULL,
    level         text NOT NULL,
    year          int NOT NULL,
    fund_name     text NOT NULL,
    batch         text NOT NULL,
    document_id   uuid NOT NULL,
    amount_fen    bigint NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.lots (lot, position);
COMMENT ON TABLE view.lots IS 'Lots by the event that registered them.';

CREATE TABLE view.projects (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    project       uuid NOT NULL,
    area          uuid NOT NULL,
    year          int NOT NULL,
    name          text NOT NULL,
    kind          text NOT NULL,
    purpose       text NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.projects (project, position);
COMMENT ON TABLE view.projects IS 'Projects by the event that proposed them.';

CREATE TABLE view.documents (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    document_id   uuid NOT NULL,
    area          uuid NOT NULL,
    number        text NOT NULL,
    title         text NOT NULL,
    kind          text NOT NULL,
    level         text NOT NULL,
    issued_on     date NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.documents (document_id, position);
CREATE INDEX ON view.documents (number);
COMMENT ON TABLE view.documents IS 'Letters by the event that registered them.';

CREATE TABLE view.payments (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    payment       uuid NOT NULL,
    kind          text NOT NULL,
    area          uuid NOT NULL,
    project       uuid NOT NULL,
    payee_kind    text,
    payee         uuid,
    use           text,
    scheme        text,
    period        text,
    tranche       int,
    grade         text,
    lines         bigint NOT NULL,
    amount_fen    bigint NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.payments (payment, position);
COMMENT ON TABLE view.payments IS 'Payments to one payee (kind payment) and lists (kind batch), as ordered or declared.';

CREATE TABLE view.organisations (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    organisation  uuid NOT NULL,
    area          uuid NOT NULL,
    name          text NOT NULL,
    kind          text NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.organisations (organisation, position);
COMMENT ON TABLE view.organisations IS 'Units, contractors, insurers and banks.';

CREATE TABLE view.areas (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    area          uuid NOT NULL,
    path          uuid[],
    code          text NOT NULL,
    name          text NOT NULL,
    level         text,
    valid_from    date NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.areas (area, position);
COMMENT ON TABLE view.areas IS 'Areas as registered (with path) and their later codes and names (without).';

CREATE TABLE view.figures (
    source          text NOT NULL,
    epoch           smallint NOT NULL,
    position        bigint NOT NULL,
    n               int NOT NULL,
    figure          text NOT NULL,
    area            uuid NOT NULL,
    title           text NOT NULL,
    version         bigint NOT NULL,
    schema_version  int NOT NULL,
    payload         text NOT NULL,
    document        text,
    occurred_on     date NOT NULL,
    effective_on    date NOT NULL,
    recorded_at     timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.figures (figure, area, position);
COMMENT ON TABLE view.figures IS 'Every version of every figure; the payload as stored in the log.';

CREATE TABLE view.statements (
    source          text NOT NULL,
    epoch           smallint NOT NULL,
    position        bigint NOT NULL,
    n               int NOT NULL,
    statement       text NOT NULL,
    area            uuid NOT NULL,
    title           text NOT NULL,
    version         bigint NOT NULL,
    schema_version  int NOT NULL,
    payload         text NOT NULL,
    document        text,
    occurred_on     date NOT NULL,
    effective_on    date NOT NULL,
    recorded_at     timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.statements (statement, area, position);
COMMENT ON TABLE view.statements IS 'Every version of every statement; the payload as stored in the log.';

CREATE TABLE view.cuts (
    source          text NOT NULL,
    epoch           smallint NOT NULL,
    position        bigint NOT NULL,
    n               int NOT NULL,
    name            text NOT NULL,
    area            uuid NOT NULL,
    schema_version  int NOT NULL,
    payload         text NOT NULL,
    document        text,
    occurred_on     date NOT NULL,
    effective_on    date NOT NULL,
    recorded_at     timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.cuts (name, area);
COMMENT ON TABLE view.cuts IS 'Cuts kept under a name.';

GRANT USAGE ON SCHEMA view TO {{app}};
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA view TO {{app}};
GRANT UPDATE ON view.balances TO {{app}};
