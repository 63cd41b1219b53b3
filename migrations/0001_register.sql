-- The journal, and the tables that are its fold. One text for SQLite and PostgreSQL.
-- Times are UTC in microseconds and come from the program; JSON columns hold objects or arrays only.

-- Head of each chain. A writing transaction first raises `lock`, so that writers of one chain stand in line.
CREATE TABLE chain (
    system TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    hash TEXT NOT NULL,
    at TIMESTAMPTZ,
    lock BIGINT NOT NULL
);

CREATE TABLE journal (
    system TEXT NOT NULL,
    number BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (system, number)
);
CREATE INDEX journal_subject ON journal (system, subject, number);

CREATE TABLE system (
    id TEXT NOT NULL PRIMARY KEY,
    profile JSONB,
    rules JSONB NOT NULL,
    last_item BIGINT NOT NULL,
    items BIGINT NOT NULL,
    last_milestone BIGINT NOT NULL,
    last_evidence BIGINT NOT NULL,
    last_drift BIGINT NOT NULL,
    last_conflict BIGINT NOT NULL,
    last_notice BIGINT NOT NULL
);

-- Counts that pages show: items by status and rating, milestones by state, what is open.
CREATE TABLE counter (
    system TEXT NOT NULL,
    name TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (system, name)
);

CREATE TABLE item (
    system TEXT NOT NULL,
    number TEXT NOT NULL,
    place BIGINT NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL,
    disposition TEXT,
    disposition_detail TEXT,
    status_since TIMESTAMPTZ NOT NULL,
    status_date DATE,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    detector TEXT NOT NULL,
    source_id TEXT,
    kev BOOLEAN NOT NULL,
    kev_due DATE,
    detected DATE,
    rating TEXT,
    adjusted TEXT,
    risk_adjustment TEXT NOT NULL,
    false_positive TEXT NOT NULL,
    operational_requirement TEXT NOT NULL,
    root_cause TEXT,
    owner TEXT,
    scheduled DATE,
    vendor_dependency BOOLEAN NOT NULL,
    vendor_checkin DATE,
    deadline DATE,
    deadline_rule TEXT,
    deadline_derivation TEXT,
    reviewed DATE,
    changed TIMESTAMPTZ NOT NULL,
    texts JSONB NOT NULL,
    corrections JSONB NOT NULL,
    imported JSONB,
    PRIMARY KEY (system, number)
);
CREATE UNIQUE INDEX item_place ON item (system, place);
CREATE INDEX item_status ON item (system, status, place);

CREATE TABLE milestone (
    system TEXT NOT NULL,
    number BIGINT NOT NULL,
    text TEXT NOT NULL,
    original_text TEXT NOT NULL,
    owner TEXT,
    expects JSONB NOT NULL,
    depends_on JSONB NOT NULL,
    original_due DATE,
    due DATE,
    state TEXT NOT NULL,
    state_since TIMESTAMPTZ NOT NULL,
    blocked TEXT,
    done TIMESTAMPTZ,
    ticket_tracker TEXT,
    ticket_id TEXT,
    ticket_key TEXT,
    ticket_url TEXT,
    ticket_title TEXT,
    closed_without_fix JSONB,
    evidence_after TIMESTAMPTZ,
    imported_item TEXT,
    imported_number BIGINT,
    corrections JSONB NOT NULL,
    changed TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (system, number)
);
CREATE INDEX milestone_state ON milestone (system, state, number);
CREATE INDEX milestone_due ON milestone (system, due);

-- Which milestone serves which item; `former` where it once did, which reading an earlier day needs.
CREATE TABLE serves (
    system TEXT NOT NULL,
    milestone BIGINT NOT NULL,
    item TEXT NOT NULL,
    former BOOLEAN NOT NULL,
    PRIMARY KEY (system, milestone, item),
    FOREIGN KEY (system, milestone) REFERENCES milestone (system, number)
);
CREATE INDEX serves_item ON serves (system, item, milestone);

CREATE TABLE move (
    system TEXT NOT NULL,
    milestone BIGINT NOT NULL,
    number BIGINT NOT NULL,
    from_date DATE,
    to_date DATE,
    moved_by TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    whence TEXT NOT NULL,
    state TEXT NOT NULL,
    rationale JSONB,
    decision JSONB,
    asked BIGINT,
    PRIMARY KEY (system, milestone, number),
    FOREIGN KEY (system, milestone) REFERENCES milestone (system, number)
);
CREATE INDEX move_at ON move (system, at);
CREATE INDEX move_state ON move (system, state);

CREATE TABLE evidence (
    system TEXT NOT NULL,
    number BIGINT NOT NULL,
    milestone BIGINT,
    item TEXT,
    origin TEXT,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    digest TEXT,
    size BIGINT NOT NULL,
    media_type TEXT NOT NULL,
    authors JSONB NOT NULL,
    observed TIMESTAMPTZ NOT NULL,
    recorded TIMESTAMPTZ NOT NULL,
    source TEXT NOT NULL,
    details JSONB NOT NULL,
    redacted TEXT,
    PRIMARY KEY (system, number)
);
CREATE INDEX evidence_milestone ON evidence (system, milestone) WHERE milestone IS NOT NULL;
CREATE INDEX evidence_item ON evidence (system, item) WHERE item IS NOT NULL;
CREATE INDEX evidence_digest ON evidence (digest) WHERE digest IS NOT NULL;

CREATE TABLE drift (
    system TEXT NOT NULL,
    number BIGINT NOT NULL,
    kind TEXT NOT NULL,
    about TEXT NOT NULL,
    subject TEXT NOT NULL,
    key TEXT NOT NULL,
    detail TEXT NOT NULL,
    opened TIMESTAMPTZ NOT NULL,
    settled TIMESTAMPTZ,
    settled_by TEXT,
    PRIMARY KEY (system, number)
);
CREATE UNIQUE INDEX drift_open ON drift (system, about, subject, kind, key) WHERE settled IS NULL;
CREATE INDEX drift_subject ON drift (system, about, subject, number);

CREATE TABLE conflict (
    system TEXT NOT NULL,
    number BIGINT NOT NULL,
    about TEXT NOT NULL,
    subject TEXT NOT NULL,
    field TEXT NOT NULL,
    base TEXT NOT NULL,
    ours TEXT NOT NULL,
    theirs TEXT NOT NULL,
    winner TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    resolved JSONB,
    PRIMARY KEY (system, number)
);
CREATE INDEX conflict_subject ON conflict (system, about, subject);

-- `shared` where it covers moves of other milestones than its own.
CREATE TABLE notice (
    system TEXT NOT NULL,
    number BIGINT NOT NULL,
    kind TEXT NOT NULL,
    milestone BIGINT NOT NULL,
    answers TEXT NOT NULL,
    covers JSONB NOT NULL,
    shared BOOLEAN NOT NULL,
    body TEXT NOT NULL,
    queued TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (system, number)
);
CREATE INDEX notice_milestone ON notice (system, milestone, queued);
CREATE INDEX notice_shared ON notice (system) WHERE shared;

CREATE TABLE import (
    system TEXT NOT NULL,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    started TIMESTAMPTZ NOT NULL,
    finished TIMESTAMPTZ,
    PRIMARY KEY (system, digest)
);

-- The fold of the reserved chain.
CREATE TABLE person (
    name TEXT NOT NULL PRIMARY KEY,
    email TEXT,
    github TEXT,
    jira TEXT,
    manager TEXT,
    roles JSONB NOT NULL
);

CREATE TABLE token (
    name TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    added TIMESTAMPTZ NOT NULL,
    expires TIMESTAMPTZ,
    systems JSONB NOT NULL,
    revoked TIMESTAMPTZ
);
CREATE INDEX token_digest ON token (digest);

CREATE TABLE halted (
    tracker TEXT NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL
);

-- Texts of rule files by digest; which one is active is in `system.rules`.
CREATE TABLE rule_text (
    digest TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    text TEXT NOT NULL
);

-- One row: markers carry this id, so that two installations never take each other's tickets.
CREATE TABLE installation (
    one BIGINT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL
);
