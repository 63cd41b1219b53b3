//! What the bridge says in tickets: seldom and briefly. A question about a date that moved, once; answers to what
//! people do there. Every message is a notice in the register first, and carries its id, by which a message whose
//! reply was lost is found before it is sent again.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use connector_api::{Comment, ErrorKind, LogRequest, Outcome, TicketRef};

use super::mapping::{Disclosure, day};
use super::take::Taking;
use super::{SyncError, World, lease, text};
use crate::register::decide::{Command, decide};
use crate::register::policy::answer_by;
use crate::register::{
    Actor, Link, MilestoneNumber, Move, MoveState, Notice, NoticeKind, Register, Subject, SystemId,
};
use crate::store::{Scope, Sending, StoreError, Tx};

/// The help that `/poam help` gives.
pub fn help() -> String {
    "Write one of these at the start of a line:\n\n\
     - /poam why REASON: why the due date moved (at least three words)\n\
     - /poam move 2026-12-15 REASON: propose another due date\n\
     - /poam evidence TEXT-OR-URL: what proves the work\n\
     - /poam blocked REASON, /poam unblocked\n\
     - /poam owner @login: who works on it\n\
     - /poam approve, /poam reject REASON: decide a moved date (approvers)\n\
     - /poam status: where it stands"
        .to_owned()
}

/// The answer to `/poam status`, as far as the tracker may be told: under `minimal`, of what stands open only what it
/// means and since when.
pub fn status(register: &Register, number: MilestoneNumber, disclosure: Disclosure) -> String {
    let Some(milestone) = register.milestones.get(&number) else { return format!("There is no {number}.") };
    let day = |date: Option<NaiveDate>| date.map_or_else(|| "none".to_owned(), |date| date.to_string());
    let mut lines = vec![
        format!("- State: {}", milestone.state.name()),
        format!("- Due: {} (original {})", day(milestone.due), day(milestone.original_due)),
    ];
    if let Some(deadline) = register.deadline_of(milestone) {
        lines.push(match disclosure {
            Disclosure::Minimal => format!("- Deadline: {}", deadline.date),
            Disclosure::Full => format!("- Deadline: {} ({})", deadline.date, deadline.rule),
        });
    }
    if let Some(moved) = milestone.open_move() {
        lines.push(format!("- Date change to {} is {}", day(moved.to), moved.state.name()));
    }
    let missing = crate::register::completeness::missing_evidence(register, milestone);
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|kind| kind.name()).collect();
        lines.push(format!("- Proof still expected: {}", names.join(", ")));
    }
    let about = Subject::Milestone(number);
    for drift in register.drifts.values().filter(|drift| drift.settled.is_none() && drift.subject == about) {
        let name = drift.kind.name();
        lines.push(match disclosure {
            Disclosure::Minimal => {
                format!("- {name}: {}, since {}", drift.kind.meaning(), register.system.day(drift.opened))
            }
            Disclosure::Full => format!("- {name}: {}", drift.detail),
        });
    }
    lines.join("\n")
}

/// The answer to a command that was obeyed, where a reaction cannot say it: how the milestone stands now.
pub fn recorded(register: &Register, number: MilestoneNumber) -> String {
    let Some(milestone) = register.milestones.get(&number) else { return "Recorded.".to_owned() };
    let stands = match milestone.open_move() {
        Some(moved) if moved.state == MoveState::Unexplained => {
            format!("the date change to {} still waits for a reason", day(moved.to))
        }
        Some(moved) => format!("the date change to {} waits for an approver", day(moved.to)),
        None => format!("{}, due {}", milestone.state.name().replace('_', " "), day(milestone.due)),
    };
    format!("Recorded. {number}: {stands}.")
}

/// Most characters of a comment: what Jira takes (32,767), less what carries the marker.
const COMMENT_MAX: usize = 32_000;

/// A message before it has its number.
pub struct Message {
    /// What for.
    pub kind: NoticeKind,
    /// The comment that it answers; else empty.
    pub answers: String,
    /// Moves that a question covers.
    pub covers: Vec<(MilestoneNumber, u32)>,
    /// Markdown.
    pub body: String,
}

/// Queues a message to the link's ticket.
pub async fn say(taking: &mut Taking<'_>, message: Message) -> Result<(), SyncError> {
    let cause = taking.cause(if message.answers.is_empty() { "question" } else { &message.answers });
    queue(taking.tx, taking.world, &mut taking.register, &taking.link, &cause, message).await
}

/// The same where only the register is at hand.
pub async fn queue(
    tx: &mut Tx,
    world: &World,
    register: &mut Register,
    link: &Link,
    cause: &str,
    message: Message,
) -> Result<(), SyncError> {
    let now = world.clock.now();
    let Message { kind, answers, covers, body } = message;
    let body = text::cut(&text::plain(&body), COMMENT_MAX);
    let command = Command::Say { milestone: link.milestone, kind, answers, covers, body };
    let system = link.system.clone();
    let decided = {
        let by = world.settings.deciding(&system, Actor::Poam, now)?;
        decide(register, &by, &command)
    };
    let changes = match decided {
        Ok(changes) => changes,
        Err(refusal) => {
            tracing::warn!(milestone = %link.milestone, %refusal, "a message cannot be recorded");
            return Ok(());
        }
    };
    tx.record(register, now, &Actor::Poam, cause, &changes).await?;
    let notice = register.system.last_notice;
    let sending = Sending {
        marker: marker(&world.settings.installation, &system, notice),
        system,
        notice,
        link: link.id.clone(),
        due_at: Some(now),
        attempts: 0,
        sent_at: None,
        comment_id: None,
        error: None,
    };
    tx.save_sendings(&[sending]).await?;
    Ok(())
}

/// What a comment of ours carries: installation, system, number of the notice.
fn marker(installation: &str, system: &SystemId, notice: u32) -> String {
    format!("{installation}/{system}/{notice}")
}

/// A comment of ours is in the ticket: what it carries tells which notice it is.
pub async fn arrived(tx: &mut Tx, marker: &str, comment: &str) -> Result<(), StoreError> {
    let mut parts = marker.split('/');
    let (Some(_), Some(system), Some(notice)) = (parts.next(), parts.next(), parts.next()) else {
        return Ok(());
    };
    let (Ok(system), Ok(notice)) = (SystemId::new(system), notice.parse()) else { return Ok(()) };
    let Some(mut sending) = tx.sending(&system, notice).await? else { return Ok(()) };
    if sending.marker == marker && sending.comment_id.is_none() {
        sending.comment_id = Some(comment.to_owned());
        sending.due_at = None;
        sending.error = None;
        tx.save_sendings(&[sending]).await?;
    }
    Ok(())
}

/// Loads more milestones into the slice.
pub async fn widen(
    taking: &mut Taking<'_>,
    milestones: impl Iterator<Item = MilestoneNumber>,
) -> Result<(), SyncError> {
    let mut wanted: BTreeSet<MilestoneNumber> = milestones.collect();
    wanted.extend(taking.register.milestones.keys());
    taking.register = taking.tx.load(&taking.link.system, Scope::Milestones(wanted)).await?;
    Ok(())
}

/// Asks about a date that moved without a reason, once it has settled. Gives when to look again. `just_moved`: that was
/// seen only now, so other tickets that were moved along with it may not have been read yet.
pub async fn ask(taking: &mut Taking<'_>, just_moved: bool) -> Result<Option<DateTime<Utc>>, SyncError> {
    let Some(milestone) = taking.milestone() else { return Ok(None) };
    if milestone.state.is_over() {
        return Ok(None);
    }
    let Some(moved) = milestone.open_move().cloned() else { return Ok(None) };
    if moved.state != MoveState::Unexplained {
        return Ok(None);
    }
    if let Some(question) = moved.asked {
        return unanswered(taking, &moved, question).await;
    }
    let settings = &taking.world.settings.policy.moves;
    let settled = moved.at + TimeDelta::seconds(settings.settle_seconds.into());
    let soonest = if just_moved { taking.now + TimeDelta::seconds(1) } else { taking.now };
    if settled.max(soonest) > taking.now {
        return Ok(Some(settled.max(soonest)));
    }
    let number = milestone.number;
    // One person who moves many dates gets one question, whose answer covers all, however late we come to ask.
    let window = TimeDelta::minutes(settings.bulk_minutes.into());
    let since = moved.at - window;
    let others: Vec<(MilestoneNumber, u32)> = taking
        .tx
        .moves(&taking.link.system, Some(since))
        .await?
        .into_iter()
        .filter(|(_, m)| {
            m.state == MoveState::Unexplained
                && m.asked.is_none()
                && m.by == moved.by
                // Two whom the tracker does not name need not be one.
                && !matches!(m.by, Actor::Unknown(_))
                && (m.at - moved.at).abs() <= window
        })
        .map(|(milestone, m)| (milestone, m.number))
        .collect();
    let mut covers = vec![(number, moved.number)];
    if others.len() > settings.bulk_moves as usize {
        covers.extend(others.into_iter().filter(|(milestone, _)| *milestone != number));
        widen(taking, covers.clone().into_iter().map(|(milestone, _)| milestone)).await?;
    }
    let body = question(&taking.register, number, &moved, &covers, settings.rationale_words);
    say(taking, Message { kind: NoticeKind::Question, answers: String::new(), covers, body }).await?;
    Ok(None)
}

/// A question without an answer past the time of grace: where the configuration says so, our date goes back to the
/// ticket, and the ticket says why. Gives when to look again.
async fn unanswered(
    taking: &mut Taking<'_>,
    moved: &Move,
    question: u32,
) -> Result<Option<DateTime<Utc>>, SyncError> {
    let settings = taking.world.settings.clone();
    if !settings.policy.moves.set_back {
        return Ok(None);
    }
    let system = taking.link.system.clone();
    let Some(asked) = taking.tx.notice(&system, question).await?.map(|notice| notice.queued) else {
        return Ok(None);
    };
    let calendar = &settings.system(&system)?.calendar;
    let by = answer_by(calendar, &settings.policy, asked);
    if calendar.day(taking.now) <= by {
        return Ok(by.succ_opt().map(|next| calendar.start_of(next)));
    }
    let milestone = taking.link.milestone;
    let cause = taking.cause("unanswered");
    let command = Command::SetBack { milestone, number: moved.number, asked };
    taking.must(Actor::Poam, &cause, &command).await?;
    let body = format!(
        "The due date is set back to {}: nobody said by {by} why {} moved it to {}. To move it, write /poam move DATE \
         REASON.",
        shown(moved.from),
        moved.by.shown(),
        shown(moved.to),
    );
    let message = Message { kind: NoticeKind::Decision, answers: String::new(), covers: vec![], body };
    say(taking, message).await?;
    Ok(None)
}

/// A date in a sentence.
fn shown(date: Option<NaiveDate>) -> String {
    date.map_or_else(|| "no date".to_owned(), |date| date.to_string())
}

/// What moved, the original, the deadline, how to answer.
fn question(
    register: &Register,
    number: MilestoneNumber,
    moved: &Move,
    covers: &[(MilestoneNumber, u32)],
    words: u32,
) -> String {
    let milestone = register.milestones.get(&number);
    let mut text = format!(
        "The due date of {} {number} was moved from {} to {} by {}, and no reason is recorded.",
        register.system.id,
        shown(moved.from),
        shown(moved.to),
        moved.by.shown(),
    );
    if let Some(milestone) = milestone {
        text.push_str(&format!(" The original date is {}", shown(milestone.original_due)));
        if let Some(deadline) = register.deadline_of(milestone) {
            text.push_str(&format!("; the deadline is {}", deadline.date));
        }
        text.push('.');
    }
    if covers.len() > 1 {
        let others: Vec<String> = covers.iter().skip(1).map(|(milestone, _)| milestone.to_string()).collect();
        text.push_str(&format!(
            " The same person moved {} as well: one answer here covers all.",
            others.join(", ")
        ));
    }
    text.push_str(&format!(
        "\n\nWhy? Answer with /poam why REASON (at least {words} words), or reply quoting this comment. Setting the \
         date back withdraws the move."
    ));
    text
}

/// Sends what is queued for a link's ticket. Gives whether anything went out.
pub async fn send(
    world: &World,
    connection: &str,
    link: &Link,
    ticket: &TicketRef,
) -> Result<bool, SyncError> {
    let now = world.clock.now();
    let mut read = world.db.read().await?;
    let mut waiting = Vec::new();
    for sending in read.sendings_of(&link.id).await? {
        if sending.comment_id.is_none()
            && sending.due_at.is_some_and(|due| due <= now)
            && let Some(notice) = read.notice(&sending.system, sending.notice).await?
        {
            waiting.push((sending, notice));
        }
    }
    drop(read);
    let mut sent_any = false;
    let connector = world.connector(connection)?;
    for (mut sending, notice) in waiting {
        // Sent before without an answer: it may be there.
        if sending.attempts > 0
            && let Some(comment) = find_comment(world, connection, ticket, &sending.marker).await?
        {
            record_sent(world, sending.marker, comment.id).await?;
            continue;
        }
        lease::hold(world, connection).await?;
        sending.attempts += 1;
        sending.sent_at = Some(now);
        save(world, sending.clone()).await?;
        match deliver(&**connector, ticket, &notice, &sending.marker).await {
            Ok(id) => {
                sent_any = true;
                record_sent(world, sending.marker, id).await?;
            }
            Err(error) => {
                let attempts = sending.attempts;
                if error.outcome == Outcome::NotDone {
                    sending.attempts -= 1;
                }
                sending.error = Some(super::failure::chain(&error));
                sending.due_at = Some(super::failure::retry_at(now, &error, attempts));
                save(world, sending).await?;
                return Err(error.into());
            }
        }
    }
    Ok(sent_any)
}

async fn save(world: &World, sending: Sending) -> Result<(), StoreError> {
    world.writer.submit(move |tx| Box::pin(async move { tx.save_sendings(&[sending]).await })).await
}

async fn record_sent(world: &World, marker: String, comment: String) -> Result<(), StoreError> {
    world.writer.submit(move |tx| Box::pin(async move { arrived(tx, &marker, &comment).await })).await
}

/// A success is a reaction where the site has one, else one line.
async fn deliver(
    connector: &dyn connector_api::Connector,
    ticket: &TicketRef,
    notice: &Notice,
    marker: &str,
) -> Result<String, connector_api::Error> {
    if notice.kind == NoticeKind::Acknowledgement {
        match connector.react(ticket, &notice.answers).await {
            Ok(()) => return Ok(format!("reaction to {}", notice.answers)),
            Err(error) if matches!(error.kind, ErrorKind::Unsupported(_)) => {}
            Err(error) => return Err(error),
        }
    }
    connector.comment(ticket, &notice.body, marker).await.map(|comment: Comment| comment.id)
}

/// A comment of ours with that marker, if the ticket has it.
async fn find_comment(
    world: &World,
    connection: &str,
    ticket: &TicketRef,
    marker: &str,
) -> Result<Option<Comment>, SyncError> {
    let request = LogRequest { ticket: ticket.clone(), since: None };
    let logs = world.connector(connection)?.read_log(&[request]).await?;
    Ok(logs
        .into_iter()
        .flat_map(|log| log.comments)
        .find(|comment| comment.marker.as_deref() == Some(marker)))
}
