-- The list of households, as they were registered.

CREATE TABLE view.households (
    id             uuid PRIMARY KEY,
    area           uuid NOT NULL,
    era            text NOT NULL,
    register_type  text NOT NULL,
    persons        bigint NOT NULL,
    registered_on  date NOT NULL,
    synthetic      boolean NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.households IS 'One row a household, by an opaque id; who lives there is in view.members, if listed.';

GRANT SELECT, INSERT, UPDATE ON view.households TO {{app}};
