-- When a connection's credentials stop working, as the site told.
ALTER TABLE health ADD COLUMN expires TIMESTAMPTZ;
