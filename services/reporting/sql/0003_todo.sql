-- The tasks of all services, for the one list of a person.

CREATE TABLE view.tasks (
    key         uuid PRIMARY KEY,
    source      text NOT NULL,
    id          uuid NOT NULL,
    area        uuid,
    kind        text NOT NULL,
    title       text,
    waits_for   text NOT NULL,
    or_duties   text[] NOT NULL,
    unit        uuid,
    post        text,
    person      text,
    not_person  text,
    due_on      date,
    target      uuid,
    about       text NOT NULL,
    reason      text NOT NULL,
    numbers     text NOT NULL,
    method      text,
    path        text,
    assumed     boolean NOT NULL,
    opened_at   timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.tasks IS 'Tasks as opened, by source and id.';
COMMENT ON COLUMN view.tasks.key IS 'Of source and id: two services may have a task of one id.';
COMMENT ON COLUMN view.tasks.numbers IS 'The numbers of the case, JSON.';
COMMENT ON COLUMN view.tasks.path IS 'The route that answers it, below the prefix of its source; with its method.';

CREATE TABLE view.task_ends (
    key        uuid PRIMARY KEY,
    note       text NOT NULL,
    closed_at  timestamptz NOT NULL,
    closed_by  text NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE view.task_ends IS 'Tasks that wait no longer.';

GRANT SELECT, INSERT, UPDATE ON view.tasks, view.task_ends TO {{app}};
