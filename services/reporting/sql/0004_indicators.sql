-- Indicators 填报指标, what areas entered of them, and the areas that are no more (who is asked).

CREATE TABLE view.indicators (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    indicator     uuid NOT NULL,
    area          uuid NOT NULL,
    code          text NOT NULL,
    title         text NOT NULL,
    unit          text NOT NULL,
    decimals      int NOT NULL,
    period        text NOT NULL,
    over_areas    text NOT NULL,
    over_periods  text NOT NULL,
    level         text,
    valid_from    date NOT NULL,
    valid_until   date,
    note          text,
    version       bigint NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.indicators (indicator, position);
CREATE INDEX ON view.indicators (area);
COMMENT ON TABLE view.indicators IS 'Every version of every indicator.';

CREATE TABLE view.indicator_values (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    event         text NOT NULL,
    indicator     uuid NOT NULL,
    area          uuid NOT NULL,
    period        text NOT NULL,
    value         text,
    scaled        bigint,
    note          text,
    reason        text,
    actor         text NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.indicator_values (indicator, area, period, position);
COMMENT ON TABLE view.indicator_values IS 'What areas entered, corrections too: of one period the last event holds, null takes it back.';
COMMENT ON COLUMN view.indicator_values.scaled IS 'The value times ten to the decimals of its indicator.';

CREATE TABLE view.area_ends (
    source        text NOT NULL,
    epoch         smallint NOT NULL,
    position      bigint NOT NULL,
    n             int NOT NULL,
    area          uuid NOT NULL,
    ended_on      date NOT NULL,
    document      text,
    occurred_on   date NOT NULL,
    effective_on  date NOT NULL,
    recorded_at   timestamptz NOT NULL,
    PRIMARY KEY (source, position, n)
);
CREATE INDEX ON view.area_ends (area);
COMMENT ON TABLE view.area_ends IS 'Areas that are no more, from a day on: merged, or divided whole.';

GRANT SELECT, INSERT ON view.indicators, view.indicator_values, view.area_ends TO {{app}};
