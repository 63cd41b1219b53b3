-- Observations beside the journal: what was last seen of the trackers, and what is still to be done.

CREATE TABLE link (
    id TEXT NOT NULL PRIMARY KEY,
    system TEXT NOT NULL,
    milestone BIGINT NOT NULL,
    tracker TEXT NOT NULL,
    phase TEXT NOT NULL,
    ticket TEXT,
    key TEXT,
    project TEXT,
    url TEXT,
    create_sent TIMESTAMPTZ,
    base JSONB NOT NULL,
    observed JSONB NOT NULL,
    log_read TIMESTAMPTZ,
    dirty TIMESTAMPTZ,
    due_at TIMESTAMPTZ,
    attempts BIGINT NOT NULL,
    error TEXT,
    missing_since TIMESTAMPTZ,
    version BIGINT NOT NULL,
    FOREIGN KEY (system, milestone) REFERENCES milestone (system, number)
);
CREATE UNIQUE INDEX link_milestone ON link (system, milestone);
CREATE UNIQUE INDEX link_ticket ON link (tracker, ticket) WHERE ticket IS NOT NULL;
CREATE INDEX link_dirty ON link (dirty) WHERE dirty IS NOT NULL;
CREATE INDEX link_due ON link (due_at) WHERE due_at IS NOT NULL;

-- Entries of a ticket's history that were taken: each once.
CREATE TABLE log_entry (
    link TEXT NOT NULL REFERENCES link (id),
    entry TEXT NOT NULL,
    taken_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (link, entry)
);

-- What we wrote to a ticket: an entry of its history is ours when it matches one.
CREATE TABLE own_write (
    link TEXT NOT NULL REFERENCES link (id),
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX own_write_link ON own_write (link, field);
CREATE INDEX own_write_at ON own_write (at);

CREATE TABLE cursor (
    connection TEXT NOT NULL,
    stream TEXT NOT NULL,
    value TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (connection, stream)
);

-- Webhooks that came, so that a repeated one is known.
CREATE TABLE delivery (
    connection TEXT NOT NULL,
    id TEXT NOT NULL,
    event TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (connection, id)
);
CREATE INDEX delivery_at ON delivery (at);

-- Delivery of a notice to its ticket.
CREATE TABLE sending (
    system TEXT NOT NULL,
    notice BIGINT NOT NULL,
    link TEXT NOT NULL REFERENCES link (id),
    marker TEXT NOT NULL,
    due_at TIMESTAMPTZ,
    attempts BIGINT NOT NULL,
    sent_at TIMESTAMPTZ,
    comment_id TEXT,
    error TEXT,
    PRIMARY KEY (system, notice),
    FOREIGN KEY (system, notice) REFERENCES notice (system, number)
);
CREATE INDEX sending_due ON sending (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX sending_link ON sending (link);

CREATE TABLE pause (
    connection TEXT NOT NULL,
    scope TEXT NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (connection, scope)
);

CREATE TABLE health (
    connection TEXT NOT NULL PRIMARY KEY,
    last_ok TIMESTAMPTZ,
    last_error TIMESTAMPTZ,
    error TEXT,
    failures BIGINT NOT NULL
);

CREATE TABLE lease (
    name TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    epoch BIGINT NOT NULL
);

CREATE TABLE job (
    name TEXT NOT NULL PRIMARY KEY,
    due_at TIMESTAMPTZ NOT NULL,
    owner TEXT,
    claimed_until TIMESTAMPTZ,
    last_run TIMESTAMPTZ,
    last_result TEXT
);
CREATE INDEX job_due ON job (due_at);
