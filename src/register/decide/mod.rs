//! Decisions: a command against the present state gives changes, or a refusal that names everything missing at once.
