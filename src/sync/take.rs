//! The ticket's log into the register: each entry exactly once by its tracker id, in whatever order it comes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use connector_api::{Account, Comment, HistoryEntry, HistoryKind, Status, Ticket, TicketLog, TicketState};

use super::mapping::{Tracker, read_state, state_name, ticket_due};
use super::{SyncError, World, commands, lost, obey, proof, settle};
use crate::drift;
use crate::register::decide::{
    Command, NewEvidence, ProposedMove, Refusal, TicketReads, TicketTransition, decide, may_explain,
};
use crate::register::{Actor, Link, Milestone, Register, Subject};
use crate::store::Tx;

/// The cause that the journal names for something in a ticket.
pub fn cause_of(connection: &str, ticket: &str, entry: &str) -> String {
    format!("ticket {connection} {ticket} {entry}")
}
/// Jira writes an edit and the comment made with it one after the other, milliseconds apart, and names no act that they
/// share; nobody makes two acts by hand within this time.
const SAME_ACT: TimeDelta = TimeDelta::milliseconds(500);

/// A ticket's log, with the bytes of what it proves kept already.
#[derive(Clone)]
pub struct Prepared {
    /// Entries that were not taken yet, oldest first.
    entries: Vec<HistoryEntry>,
    /// All that tell of the text, taken or not, oldest first.
    texts: Vec<HistoryEntry>,
    /// Comments, oldest first.
    comments: Vec<Comment>,
    /// Proofs of transitions to done, by entry.
    closings: BTreeMap<String, Vec<NewEvidence>>,
    /// Proofs of attachments.
    attachments: Vec<(String, NewEvidence)>,
    /// Proofs that comments give, by comment and place in it.
    words: BTreeMap<(String, usize), NewEvidence>,
}

/// Keeps the bytes of everything new in a log. Outside any transaction.
pub async fn prepare(
    world: &World,
    link: &Link,
    tracker: &Tracker,
    ticket: &Ticket,
    log: TicketLog,
    taken: &BTreeSet<String>,
    us: &Account,
) -> Result<Prepared, SyncError> {
    let connection = tracker.connection.as_str();
    let mut prepared = Prepared {
        entries: Vec::new(),
        texts: lost::texts(&log.entries),
        comments: log.comments,
        closings: BTreeMap::new(),
        attachments: Vec::new(),
        words: BTreeMap::new(),
    };
    for entry in log.entries {
        if taken.contains(&entry.id) {
            continue;
        }
        if let HistoryKind::Status { from, to, closer } = &entry.kind
            && read_state(&tracker.states, to, &BTreeSet::new()) == TicketState::Done
        {
            let by = world.settings.actor(connection, entry.by.as_ref());
            let closing = proof::Closing {
                milestone: link.milestone,
                connection,
                ticket: &ticket.reference,
                entry: &entry.id,
                from: from.as_ref(),
                to,
                closer: closer.as_ref(),
                by: &by,
                at: entry.at,
            };
            prepared.closings.insert(entry.id.clone(), proof::of_closing(world, &closing).await?);
        }
        prepared.entries.push(entry);
    }
    prepared.entries.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    for attachment in &log.attachments {
        let id = format!("attachment:{}", attachment.id);
        if !taken.contains(&id) {
            let proof =
                proof::of_attachment(world, connection, link.milestone, &ticket.reference, attachment)
                    .await?;
            prepared.attachments.push((id, proof));
        }
    }
    for comment in &prepared.comments {
        if taken.contains(&obey::final_id(comment)) || taken.contains(&obey::judged_id(comment)) {
            continue;
        }
        for (place, words) in obey::evidence_in(&comment.body, us) {
            let proof = proof::of_words(world, connection, link.milestone, comment, &words).await?;
            prepared.words.insert((comment.id.clone(), place), proof);
        }
    }
    Ok(prepared)
}

/// One link in one writing transaction.
pub struct Taking<'a> {
    /// The transaction.
    pub tx: &'a mut Tx,
    /// The world.
    pub world: &'a World,
    /// The slice of the register that the milestone needs.
    pub register: Register,
    /// The link, saved at the end.
    pub link: Link,
    /// Its tracker.
    pub tracker: &'a Tracker,
    /// Our account there.
    pub us: &'a Account,
    /// Now, by our clock.
    pub now: DateTime<Utc>,
    /// The move that what the ticket shows has just proposed: nobody can have decided on it yet.
    pub just_seen: Option<u32>,
}

impl<'a> Taking<'a> {
    /// One link, with what it needs of the register loaded.
    pub fn new(
        tx: &'a mut Tx,
        world: &'a World,
        register: Register,
        link: Link,
        tracker: &'a Tracker,
        us: &'a Account,
        now: DateTime<Utc>,
    ) -> Self {
        Self { tx, world, register, link, tracker, us, now, just_seen: None }
    }
}

impl Taking<'_> {
    /// The milestone.
    pub fn milestone(&self) -> Option<&Milestone> {
        self.register.milestones.get(&self.link.milestone)
    }

    /// The cause that the journal names for something in the ticket.
    pub fn cause(&self, entry: &str) -> String {
        cause_of(&self.tracker.connection, self.link.ticket.as_deref().unwrap_or("-"), entry)
    }

    /// Decides a command and records what it gives; a refusal records nothing.
    pub async fn act(
        &mut self,
        actor: Actor,
        cause: &str,
        command: &Command,
    ) -> Result<Result<(), Refusal>, SyncError> {
        let system = self.link.system.clone();
        let decided = {
            let by = self.world.settings.deciding(&system, actor.clone(), self.now)?;
            decide(&self.register, &by, command)
        };
        match decided {
            Err(refusal) => Ok(Err(refusal)),
            Ok(changes) => {
                if !changes.is_empty() {
                    self.tx.record(&mut self.register, self.now, &actor, cause, &changes).await?;
                }
                Ok(Ok(()))
            }
        }
    }

    /// The same for what cannot be refused; a refusal is logged.
    pub async fn must(&mut self, actor: Actor, cause: &str, command: &Command) -> Result<(), SyncError> {
        if let Err(refusal) = self.act(actor, cause, command).await? {
            tracing::warn!(milestone = %self.link.milestone, %refusal, "the register refuses what the ticket says");
        }
        Ok(())
    }

    /// Takes everything new: history and comments in the order in which they came, attachments, and what only the
    /// levels tell.
    pub async fn take(&mut self, ticket: &Ticket, prepared: Option<Prepared>) -> Result<(), SyncError> {
        let connector = self.world.connector(&self.tracker.connection)?.clone();
        let capabilities = connector.capabilities();
        let in_field = self.due_in_field(capabilities.due_field);
        let told = if in_field { capabilities.due_history } else { capabilities.line_history };
        if !told {
            // Before the comments: a reason may have come with the date.
            self.take_due_level(ticket, in_field).await?;
        }
        let mut last = None;
        if let Some(prepared) = &prepared {
            last = self.take_log(ticket, prepared).await?;
        }
        self.take_state_level(ticket, last).await
    }

    /// Gives when the status last changed, and to what.
    async fn take_log(
        &mut self,
        ticket: &Ticket,
        prepared: &Prepared,
    ) -> Result<Option<(DateTime<Utc>, TicketState)>, SyncError> {
        for (id, proof) in &prepared.attachments {
            if self.tx.take_entry(&self.link.id, id, self.now).await? {
                let actor = proof.authors.first().cloned().unwrap_or(Actor::Poam);
                let cause = self.cause(id);
                self.must(actor, &cause, &Command::AddEvidence(Box::new(proof.clone()))).await?;
            }
        }
        let mut last = None;
        // Whoever approves a date has not seen the one that came after.
        for said in in_order(&prepared.entries, &prepared.comments) {
            match said {
                Logged::Entry(entry) => {
                    if let HistoryKind::Status { to, .. } = &entry.kind {
                        last = Some((entry.at, read_state(&self.tracker.states, to, &BTreeSet::new())));
                    }
                    if self.tx.take_entry(&self.link.id, &entry.id, self.now).await? {
                        self.take_entry(ticket, entry, prepared).await?;
                    }
                }
                Logged::Comment(comment) => obey::take_comment(self, comment, &prepared.words).await?,
            }
        }
        Ok(last)
    }

    async fn take_entry(
        &mut self,
        ticket: &Ticket,
        entry: &HistoryEntry,
        prepared: &Prepared,
    ) -> Result<(), SyncError> {
        let by_us = entry.by.as_ref().is_some_and(|account| account.id == self.us.id);
        let actor = self.world.settings.actor(&self.tracker.connection, entry.by.as_ref());
        let cause = self.cause(&entry.id);
        match &entry.kind {
            HistoryKind::Status { to, .. } => {
                let state = read_state(&self.tracker.states, to, &BTreeSet::new());
                if by_us && self.our_transition(state).await? {
                    return Ok(());
                }
                let evidence = prepared.closings.get(&entry.id).cloned().unwrap_or_default();
                self.transition(actor, &cause, state, to, entry.at, evidence).await
            }
            HistoryKind::Due { to, .. } => {
                let value = to.map_or_else(|| "none".to_owned(), |to| to.to_string());
                if by_us && self.ours("due", &value).await? {
                    return Ok(());
                }
                let proposed = ProposedMove {
                    milestone: self.link.milestone,
                    to: *to,
                    by: actor.clone(),
                    at: entry.at,
                    whence: cause.clone(),
                    rationale: self.said_with(entry, &actor, &prepared.comments),
                    settles: true,
                };
                self.must(actor, &cause, &Command::Propose(Box::new(proposed))).await
            }
            HistoryKind::Title { from, to } if by_us => lost::title(self, from, to).await,
            HistoryKind::Text { from: Some(from), .. } if by_us => {
                lost::text(self, ticket, entry, from, &prepared.texts).await
            }
            HistoryKind::Text { .. } => {
                // Whoever wrote it since has seen what stands there now.
                self.link.observed.lost_text = None;
                Ok(())
            }
            // Levels: the merge sees them.
            HistoryKind::Title { .. }
            | HistoryKind::Assignee { .. }
            | HistoryKind::Project { .. }
            | HistoryKind::Label { .. } => Ok(()),
        }
    }

    /// The comment that was made with an edit: in the same act, by the same person, who may explain; never
    /// changed by another, and no command, which is obeyed by itself.
    fn said_with(&self, entry: &HistoryEntry, actor: &Actor, comments: &[Comment]) -> Option<String> {
        let by = entry.by.as_ref()?;
        let roles = self.world.settings.roles(actor, &self.link.system);
        if !matches!(actor, Actor::Person(_)) || !may_explain(&roles) {
            return None;
        }
        comments
            .iter()
            .filter(|comment| comment.marker.is_none() && (comment.created - entry.at).abs() < SAME_ACT)
            .filter(|comment| comment.author.id == by.id)
            .filter(|comment| comment.last_editor.as_ref().is_some_and(|editor| editor.id == by.id))
            .filter(|comment| commands::parse(&comment.body, &[&self.us.id, &self.us.name]).is_empty())
            .map(|comment| comment.body.trim().to_owned())
            .find(|text| !text.is_empty())
    }

    async fn transition(
        &mut self,
        actor: Actor,
        cause: &str,
        state: TicketState,
        status: &Status,
        at: DateTime<Utc>,
        evidence: Vec<NewEvidence>,
    ) -> Result<(), SyncError> {
        let name = match (&status.resolution, state) {
            (Some(resolution), TicketState::Done | TicketState::Dropped) => {
                format!("{} ({resolution})", status.name)
            }
            _ => status.name.clone(),
        };
        let transition = TicketTransition {
            milestone: self.link.milestone,
            to: match state {
                TicketState::Open => TicketReads::Open,
                TicketState::InProgress => TicketReads::InProgress,
                TicketState::Blocked => TicketReads::Blocked,
                TicketState::Done => TicketReads::Done,
                TicketState::Dropped => TicketReads::Dropped,
            },
            status: name,
            by: actor.clone(),
            at,
            evidence,
        };
        self.must(actor, cause, &Command::Transition(Box::new(transition))).await
    }

    /// Whether an entry is a recorded write of ours; each write explains one entry.
    async fn ours(&mut self, field: &str, value: &str) -> Result<bool, SyncError> {
        Ok(self.tx.match_own_write(&self.link.id, field, value).await?)
    }

    /// Whether a change of the status by our account is a recorded write of ours, or on the way to one: a workflow may
    /// lead through other statuses, and a history does not tell states apart that differ by their labels.
    async fn our_transition(&mut self, state: TicketState) -> Result<bool, SyncError> {
        if self.ours("state", state_name(state)).await? {
            return Ok(true);
        }
        let open = |name: &str| !matches!(name, "done" | "dropped");
        let writes = self.tx.own_writes(&self.link.id).await?;
        let written: Vec<String> =
            writes.into_iter().filter(|write| write.field == "state").map(|write| write.value).collect();
        for value in written.iter().filter(|value| open(value) && open(state_name(state))) {
            self.ours("state", value).await?;
        }
        Ok(!written.is_empty())
    }

    /// A state that no log told of: by labels, or without a history.
    async fn take_state_level(
        &mut self,
        ticket: &Ticket,
        last: Option<(DateTime<Utc>, TicketState)>,
    ) -> Result<(), SyncError> {
        let state = read_state(&self.tracker.states, &ticket.status, &ticket.labels);
        let known = match last {
            // The log was read after the ticket was.
            Some((at, _)) if at > ticket.updated => return Ok(()),
            Some((_, state)) => state_name(state),
            // Before the first look, a ticket reads as it was made.
            None if self.link.observed.state.is_empty() => {
                self.link.base.state.as_ref().map(|pair| pair.theirs.as_str()).unwrap_or_default()
            }
            None => self.link.observed.state.as_str(),
        };
        // Of one that was adopted nothing is known before.
        if known.is_empty() || known == state_name(state) {
            return Ok(());
        }
        let id = format!("level:{}:{}", state_name(state), ticket.updated.timestamp_micros());
        if !self.tx.take_entry(&self.link.id, &id, self.now).await? {
            return Ok(());
        }
        let actor = Actor::Unknown(self.tracker.connection.clone());
        let cause = self.cause(&id);
        self.transition(actor, &cause, state, &ticket.status, ticket.updated, Vec::new()).await
    }

    /// Whether the due date lives in a field of the ticket.
    pub fn due_in_field(&self, site_has_field: bool) -> bool {
        self.tracker.due_in_field(site_has_field)
    }

    /// Without a history of the due date, each observed value is a move by `unknown`.
    async fn take_due_level(&mut self, ticket: &Ticket, in_field: bool) -> Result<(), SyncError> {
        let due = ticket_due(in_field, ticket);
        let Some(base) = self.link.base.due.clone() else { return Ok(()) };
        if !due.readable {
            return settle::answer_line(self, ticket, due.problem.as_deref()).await;
        }
        if due.date == base.theirs {
            return Ok(());
        }
        let id = format!(
            "due:{}:{}",
            due.date.map_or_else(|| "none".to_owned(), |date| date.to_string()),
            ticket.updated.timestamp_micros()
        );
        if !self.tx.take_entry(&self.link.id, &id, self.now).await? {
            return Ok(());
        }
        let actor = Actor::Unknown(self.tracker.connection.clone());
        let cause = self.cause(&id);
        let proposed = ProposedMove {
            milestone: self.link.milestone,
            to: due.date,
            by: actor.clone(),
            at: ticket.updated,
            whence: cause.clone(),
            rationale: None,
            settles: true,
        };
        self.must(actor, &cause, &Command::Propose(Box::new(proposed))).await?;
        let open = self.milestone().and_then(|milestone| milestone.open_move());
        self.just_seen = open.filter(|moved| moved.whence == cause).map(|moved| moved.number);
        Ok(())
    }

    /// Detects drift of the milestone and its items again, and records what opened and settled.
    pub async fn redetect(&mut self) -> Result<(), SyncError> {
        let settings = self.world.settings.clone();
        let mut subjects = BTreeSet::from([Subject::Milestone(self.link.milestone)]);
        subjects
            .extend(self.milestone().into_iter().flat_map(|m| m.serves.iter().cloned().map(Subject::Item)));
        let standing = settings.standing(&self.link.system)?;
        // What was just seen of the ticket counts, though the link is saved last.
        drift::redetect(self.tx, &mut self.register, &subjects, Some(&self.link), &standing, self.now)
            .await?;
        Ok(())
    }
}

/// One thing that a log tells.
enum Logged<'a> {
    Entry(&'a HistoryEntry),
    Comment(&'a Comment),
}

/// Entries and comments as they came; a comment that was changed came when it was.
fn in_order<'a>(entries: &'a [HistoryEntry], comments: &'a [Comment]) -> Vec<Logged<'a>> {
    let entries = entries.iter().map(|entry| (entry.at, Logged::Entry(entry)));
    let comments = comments.iter().map(|comment| (comment.updated, Logged::Comment(comment)));
    let mut all: Vec<(DateTime<Utc>, Logged<'a>)> = entries.chain(comments).collect();
    // Stable: what came with an edit follows it.
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, logged)| logged).collect()
}
