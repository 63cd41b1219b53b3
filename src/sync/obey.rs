//! Commands of comments: obeyed only from mapped people with the role, and only if whoever changed the comment last
//! wrote it. A refusal says exactly why and is judged again after an edit; an obeyed comment is final. Strangers get
//! silence and a log line.

use std::collections::BTreeMap;

use connector_api::{Account, Comment};

use super::commands::{self, Command as Said};
use super::take::Taking;
use super::withhold::told;
use super::{SyncError, decision, talk};
use crate::register::decide::{Command, NewEvidence, ProposedMove, Refusal, decide_all};
use crate::register::policy::too_short;
use crate::register::{Actor, MilestoneNumber, MilestoneState, NoticeKind};

/// The entry that makes an obeyed comment final.
pub fn final_id(comment: &Comment) -> String {
    format!("comment:{}", comment.id)
}

/// The entry of a comment as it stands: judged again when it is edited.
pub fn judged_id(comment: &Comment) -> String {
    format!("comment:{}@{}", comment.id, comment.updated.timestamp_micros())
}

/// Words and URLs that a comment gives as evidence, by their place among its commands.
pub fn evidence_in(body: &str, us: &Account) -> Vec<(usize, String)> {
    commands::parse(body, &[&us.id, &us.name])
        .into_iter()
        .enumerate()
        .filter_map(
            |(place, said)| if let Said::Evidence(words) = said { Some((place, words)) } else { None },
        )
        .collect()
}

/// Takes one comment.
pub async fn take_comment(
    taking: &mut Taking<'_>,
    comment: &Comment,
    words: &BTreeMap<(String, usize), NewEvidence>,
) -> Result<(), SyncError> {
    if let Some(marker) = &comment.marker
        && comment.author.id == taking.us.id
    {
        talk::arrived(taking.tx, marker, &comment.id).await?;
        return Ok(());
    }
    if taking.tx.has_entry(&taking.link.id, &final_id(comment)).await?
        || !taking.tx.take_entry(&taking.link.id, &judged_id(comment), taking.now).await?
    {
        return Ok(());
    }
    let said = commands::parse(&comment.body, &[&taking.us.id, &taking.us.name]);
    if said.is_empty() {
        return take_plain(taking, comment).await;
    }
    let actor = taking.world.settings.actor(&taking.tracker.connection, Some(&comment.author));
    let Actor::Person(_) = &actor else {
        tracing::info!(milestone = %taking.link.milestone, author = %comment.author.id, "a stranger's command is not obeyed");
        return Ok(());
    };
    if comment.last_editor.as_ref().is_none_or(|editor| editor.id != comment.author.id) {
        let body = "This comment was changed after it was written, and not certainly by its author, so it is not \
                    obeyed. Please write the command in a new comment.";
        return answer(taking, comment, body.to_owned()).await;
    }
    obey(taking, comment, &actor, &said, words).await
}

/// A comment without commands: a reply that quotes our question is a rationale.
async fn take_plain(taking: &mut Taking<'_>, comment: &Comment) -> Result<(), SyncError> {
    let Some(moved) = taking.milestone().and_then(|milestone| milestone.open_move()).cloned() else {
        return Ok(());
    };
    let Some(asked) = moved.asked else { return Ok(()) };
    let Some(notice) = taking.tx.notice(&taking.link.system, asked).await? else { return Ok(()) };
    let Some(text) = commands::quotes_question(&comment.body, &notice.body) else { return Ok(()) };
    let actor = taking.world.settings.actor(&taking.tracker.connection, Some(&comment.author));
    let fine_editor = comment.last_editor.as_ref().is_some_and(|editor| editor.id == comment.author.id);
    if !matches!(actor, Actor::Person(_)) || !fine_editor {
        return Ok(());
    }
    obey(taking, comment, &actor, &[Said::Why(text)], &BTreeMap::new()).await
}

/// Runs the commands of a comment, all or none.
async fn obey(
    taking: &mut Taking<'_>,
    comment: &Comment,
    actor: &Actor,
    said: &[Said],
    words: &BTreeMap<(String, usize), NewEvidence>,
) -> Result<(), SyncError> {
    let milestone = taking.link.milestone;
    let mut commands = Vec::new();
    let mut refused: Vec<String> = Vec::new();
    let mut answers: Vec<String> = Vec::new();
    for (place, one) in said.iter().enumerate() {
        match translate(taking, comment, actor, milestone, one, words.get(&(comment.id.clone(), place)))
            .await?
        {
            Meaning::Do(wanted) => commands.extend(wanted),
            Meaning::Tell(text) => answers.push(text),
            Meaning::Refuse(why) => refused.push(why),
        }
    }
    let cause = taking.cause(&final_id(comment));
    if refused.is_empty() {
        let decided = {
            let system = taking.link.system.clone();
            let by = taking.world.settings.deciding(&system, actor.clone(), taking.now)?;
            decide_all(&taking.register, &by, &commands)
        };
        match decided {
            Ok(changes) => {
                if !changes.is_empty() {
                    taking.tx.record(&mut taking.register, taking.now, actor, &cause, &changes).await?;
                }
                taking.tx.take_entry(&taking.link.id, &final_id(comment), taking.now).await?;
                let (tx, register) = (&mut *taking.tx, &mut taking.register);
                let decided =
                    decision::announce(tx, taking.world, register, &changes, &cause, &comment.id).await?;
                if decided && answers.is_empty() {
                    return Ok(());
                }
                if answers.is_empty() {
                    let body = talk::recorded(&taking.register, milestone);
                    return say(taking, comment, NoticeKind::Acknowledgement, body).await;
                }
            }
            Err(Refusal { what, because }) => refused.push(format!("{what}: {}", because.join("; "))),
        }
    }
    let mut lines = answers;
    let told = |why: String| match taking.milestone() {
        Some(milestone) => told(&why, &taking.register, milestone, taking.tracker.disclosure),
        None => why,
    };
    lines.extend(refused.into_iter().map(|why| format!("Not done. {}.", told(why))));
    answer(taking, comment, lines.join("\n\n")).await
}

async fn answer(taking: &mut Taking<'_>, comment: &Comment, body: String) -> Result<(), SyncError> {
    say(taking, comment, NoticeKind::Answer, body).await
}

async fn say(
    taking: &mut Taking<'_>,
    comment: &Comment,
    kind: NoticeKind,
    body: String,
) -> Result<(), SyncError> {
    let message = talk::Message { kind, answers: comment.id.clone(), covers: Vec::new(), body };
    talk::say(taking, message).await
}

/// What a command means here.
enum Meaning {
    Do(Vec<Command>),
    Tell(String),
    Refuse(String),
}

async fn translate(
    taking: &mut Taking<'_>,
    comment: &Comment,
    actor: &Actor,
    milestone: MilestoneNumber,
    said: &Said,
    proof: Option<&NewEvidence>,
) -> Result<Meaning, SyncError> {
    let decisions_here = taking.world.settings.approve_in_ticket;
    let elsewhere = "decisions are not taken in tickets here; use `poam move approve` or `poam move reject`";
    let words = taking.world.settings.policy.moves.rationale_words;
    Ok(match said {
        Said::Help => Meaning::Tell(talk::help()),
        Said::Status => Meaning::Tell(talk::status(&taking.register, milestone, taking.tracker.disclosure)),
        Said::Why(text) => {
            let covered = covered_moves(taking, milestone).await?;
            Meaning::Do(
                covered
                    .into_iter()
                    .map(|(milestone, number)| Command::Explain { milestone, number, text: text.clone() })
                    .collect(),
            )
        }
        Said::Move { to, why } => match too_short(why, words) {
            Some(short) => Meaning::Refuse(short),
            None => Meaning::Do(vec![Command::Move(Box::new(ProposedMove {
                milestone,
                to: Some(*to),
                by: actor.clone(),
                at: comment.updated,
                whence: taking.cause(&final_id(comment)),
                rationale: Some(why.clone()),
                settles: false,
            }))]),
        },
        Said::Evidence(_) => match proof {
            Some(proof) => Meaning::Do(vec![Command::GiveEvidence(Box::new(proof.clone()))]),
            None => Meaning::Refuse("the evidence could not be kept; please try once more".to_owned()),
        },
        Said::Blocked(text) => Meaning::Do(vec![Command::SetState {
            milestone,
            to: MilestoneState::Blocked,
            reason: Some(text.clone()),
        }]),
        Said::Unblocked => {
            let begun = taking.tx.had_begun(&taking.link.system, milestone).await?;
            Meaning::Do(vec![Command::Unblock { milestone, begun }])
        }
        Said::Owner(login) => {
            let account = connector_api::Account { id: login.clone(), name: login.clone() };
            match taking.world.settings.person_of(&taking.tracker.connection, &account) {
                Some(person) => {
                    Meaning::Do(vec![Command::SetOwner { milestone, owner: Some(person.name.clone()) }])
                }
                None => Meaning::Refuse(format!("{login:?} is the account of no person of the register")),
            }
        }
        Said::Approve(_) if decisions_here && taking.just_seen.is_some() => Meaning::Refuse(
            "the date was changed at about the same time; please look at it, and approve once more"
                .to_owned(),
        ),
        Said::Approve(number) if decisions_here => {
            Meaning::Do(vec![Command::Approve { milestone, number: *number }])
        }
        Said::Reject { number, why } if decisions_here => {
            Meaning::Do(vec![Command::Reject { milestone, number: *number, reason: why.clone() }])
        }
        Said::Approve(_) | Said::Reject { .. } => Meaning::Refuse(elsewhere.to_owned()),
        Said::Vendor { .. } | Said::Ack(_) | Said::Validate(_) => {
            Meaning::Refuse("this command is not taken in tickets by this release".to_owned())
        }
        Said::Unreadable { line, why } => Meaning::Refuse(format!("`{line}` cannot be read: {why}")),
    })
}

/// The moves that an answer here explains: the open one, and every other that the same question covers.
async fn covered_moves(
    taking: &mut Taking<'_>,
    milestone: MilestoneNumber,
) -> Result<Vec<(MilestoneNumber, Option<u32>)>, SyncError> {
    let asked = taking.milestone().and_then(|m| m.open_move()).and_then(|m| m.asked);
    let Some(asked) = asked else { return Ok(vec![(milestone, None)]) };
    let Some(notice) = taking.tx.notice(&taking.link.system, asked).await? else {
        return Ok(vec![(milestone, None)]);
    };
    if notice.covers.len() <= 1 {
        return Ok(vec![(milestone, None)]);
    }
    talk::widen(taking, notice.covers.iter().map(|(milestone, _)| *milestone)).await?;
    Ok(notice
        .covers
        .iter()
        .filter(|(milestone, number)| {
            taking
                .register
                .milestones
                .get(milestone)
                .is_some_and(|m| m.moves.iter().any(|moved| moved.number == *number && moved.state.is_open()))
        })
        .map(|(milestone, number)| (*milestone, Some(*number)))
        .collect())
}
