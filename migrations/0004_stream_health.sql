-- How each stream of a connection is: a repository that fails is not the connection's failure, nor the others'.

CREATE TABLE stream_health (
    connection TEXT NOT NULL,
    stream TEXT NOT NULL,
    last_ok TIMESTAMPTZ,
    last_error TIMESTAMPTZ,
    error TEXT,
    failures BIGINT NOT NULL,
    PRIMARY KEY (connection, stream)
);
