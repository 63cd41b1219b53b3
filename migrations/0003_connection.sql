-- When a connection's credentials stop working, as the site told.
ALTER TABLE health ADD COLUMN expires TIMESTAMPTZ;

-- When we last wrote a ticket: a site whose search lags is asked to show it as it is.
ALTER TABLE link ADD COLUMN written TIMESTAMPTZ;
CREATE INDEX link_written ON link (written) WHERE written IS NOT NULL;
