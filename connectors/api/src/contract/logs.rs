//! History, comments, attachments.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{Subject, day, must};
use crate::fake::Act;
use crate::{
    Comment, ErrorKind, HistoryEntry, HistoryKind, LogRequest, StatusCategory, Ticket, TicketLog, TicketState,
};

async fn log(s: &Subject, ticket: &Ticket) -> TicketLog {
    let request = LogRequest { ticket: ticket.reference.clone(), since: None };
    let mut logs = must("read_log", s.connector().read_log(&[request]).await);
    assert_eq!(logs.len(), 1, "one log for one request");
    let Some(log) = logs.pop() else { panic!("one log for one request") };
    assert_eq!(log.ticket, ticket.reference.id, "a log names its ticket");
    log
}

fn statuses(entries: &[HistoryEntry]) -> Vec<(StatusCategory, Option<String>, Option<String>)> {
    entries
        .iter()
        .filter_map(|e| match &e.kind {
            HistoryKind::Status { to, .. } => {
                Some((to.category, to.resolution.clone(), e.by.as_ref().map(|a| a.id.clone())))
            }
            HistoryKind::Due { .. }
            | HistoryKind::Title { .. }
            | HistoryKind::Text { .. }
            | HistoryKind::Assignee { .. }
            | HistoryKind::Project { .. }
            | HistoryKind::Label { .. } => None,
        })
        .collect()
}

pub(super) async fn history_tells_what_happened(s: &Subject) {
    let made = s.create("With a history").await;
    let human = Some(s.human.id.clone());
    s.act(&s.human, &made, Act::SetState(TicketState::Done));
    s.act(&s.human, &made, Act::SetState(TicketState::Open));
    s.act(&s.human, &made, Act::SetState(TicketState::Dropped));
    s.act(&s.human, &made, Act::Retitle("With a longer history".to_owned()));
    s.act(&s.human, &made, Act::AddLabel("waiting".to_owned()));
    s.act(&s.human, &made, Act::RemoveLabel("waiting".to_owned()));
    s.act(&s.human, &made, Act::Assign(None));
    let early = log(s, &made).await;

    let ids: BTreeSet<_> = early.entries.iter().map(|e| &e.id).collect();
    assert_eq!(ids.len(), early.entries.len(), "entries have ids of their own: {:?}", early.entries);
    assert!(early.entries.is_sorted_by_key(|e| e.at), "entries come oldest first");
    let told = statuses(&early.entries);
    let categories: Vec<_> = told.iter().map(|(category, ..)| *category).collect();
    let done = StatusCategory::Done;
    assert_eq!(categories, [done, StatusCategory::Todo, done], "every change of status is told, in order");
    assert!(told.iter().all(|(_, _, by)| *by == human), "and by whom: {told:?}");
    let resolution = |at: usize| told.get(at).and_then(|(_, resolution, _)| resolution.clone());
    assert_ne!(resolution(0), resolution(2), "done and dropped tell themselves apart");
    assert!(
        early.entries.iter().any(|e| {
            matches!(&e.kind, HistoryKind::Title { from, to }
                if from == "With a history" && to == "With a longer history")
        }),
        "a new title is told with the old one"
    );
    for added in [true, false] {
        let label = |e: &HistoryEntry| matches!(&e.kind, HistoryKind::Label { name, added: a } if name == "waiting" && *a == added);
        assert!(early.entries.iter().any(label), "a label that came or went is told ({added})");
    }
    assert!(
        early
            .entries
            .iter()
            .any(|e| e.kind == HistoryKind::Assignee { to: None }
                && e.by.as_ref().map(|a| a.id.clone()) == human),
        "that nobody is assigned any more is told"
    );

    let cut = (s.now)();
    s.act(&s.human, &made, Act::SetState(TicketState::Open));
    let late = log(s, &made).await;
    for old in &early.entries {
        assert!(late.entries.contains(old), "an entry stays as it was read: {old:?}");
    }
    assert_eq!(statuses(&late.entries).len(), told.len() + 1, "and the new one is added");
    let request = LogRequest { ticket: made.reference.clone(), since: Some(cut) };
    let recent = must("read_log", s.connector().read_log(&[request]).await);
    let recent: Vec<_> = recent.into_iter().flat_map(|l| l.entries).collect();
    for entry in late.entries.iter().filter(|e| e.at >= cut) {
        assert!(recent.contains(entry), "entries since a time are all there: {entry:?}");
    }

    let gone = s.create("Deleted with its history").await;
    s.act(&s.human, &gone, Act::Delete);
    let both = [&gone, &made].map(|t| LogRequest { ticket: t.reference.clone(), since: None });
    let logs = must("read_log", s.connector().read_log(&both).await);
    assert_eq!(logs.len(), 1, "a ticket that is not there has no log");
    assert!(logs.iter().all(|l| l.ticket == made.reference.id), "and holds back no other's");

    due_dates(s, &made).await;
}

/// Every edit of the due date is told, also one that was taken back.
async fn due_dates(s: &Subject, made: &Ticket) {
    // Whatever a connector learns of a site by asking, it has learnt now.
    let connector = s.connector();
    let request = LogRequest { ticket: made.reference.clone(), since: None };
    must("read_log", connector.read_log(&[request]).await);
    let capabilities = connector.capabilities();
    let told = if s.due_in_field() { capabilities.due_history } else { capabilities.line_history };
    if !told {
        return;
    }
    let old = s.new_ticket("").due;
    let new = Some(day(2027, 3, 1));
    for due in [new, None, old, new, old] {
        s.act(&s.human, made, Act::SetDue(due));
    }
    let entries = log(s, made).await.entries;
    let dues: Vec<_> = entries
        .iter()
        .filter_map(|e| match e.kind {
            HistoryKind::Due { from, to } => Some((from, to)),
            HistoryKind::Status { .. }
            | HistoryKind::Title { .. }
            | HistoryKind::Text { .. }
            | HistoryKind::Assignee { .. }
            | HistoryKind::Project { .. }
            | HistoryKind::Label { .. } => None,
        })
        .collect();
    let wanted = [(old, new), (new, None), (None, old), (old, new), (new, old)];
    assert!(dues.ends_with(&wanted), "each edit of the due date is told: {dues:?}");
    let by = entries.iter().rev().find(|e| matches!(e.kind, HistoryKind::Due { .. })).map(|e| e.by.clone());
    assert_eq!(by.flatten().map(|a| a.id), Some(s.human.id.clone()), "and by whom");
}

fn comment<'a>(log: &'a TicketLog, id: &str) -> &'a Comment {
    let Some(found) = log.comments.iter().find(|c| c.id == id) else {
        panic!("comment {id} is missing from {:?}", log.comments)
    };
    found
}

pub(super) async fn comments_tell_author_and_editor(s: &Subject) {
    let connector = s.connector();
    let made = s.create("Talked about").await;
    s.act(&s.human, &made, Act::Comment("/poam why The vendor is late.".to_owned()));
    let text = "The due date moved from 2026-12-15.\n\n- Answer with `why`\n- Or see [the guide](https://poam.example/guide)";
    let ours = must("comment", connector.comment(&made.reference, text, "question-41").await);
    s.later();
    assert_eq!(ours.marker.as_deref(), Some("question-41"), "our comment carries its marker");
    assert!(!ours.body.contains("question-41"), "the marker is out of readers' sight: {}", ours.body);

    let before = log(s, &made).await;
    assert_eq!(before.comments.len(), 2, "both comments are there");
    assert!(before.comments.is_sorted_by_key(|c| c.created), "comments come oldest first");
    let Some(theirs) = before.comments.first() else { panic!("both comments are there") };
    assert_eq!(theirs.author.id, s.human.id, "a comment tells its author");
    assert_eq!(
        theirs.last_editor.as_ref(),
        Some(&theirs.author),
        "an unchanged one was last edited by its author"
    );
    assert_eq!(theirs.body, "/poam why The vendor is late.", "its text is as written");
    assert_eq!(theirs.marker, None, "an engineer's comment has no marker");
    let read = comment(&before, &ours.id);
    assert_eq!(*read, ours, "what comment() gives is what is read later");
    assert_eq!(read.author.id, s.us.id, "ours is by us");

    if connector.capabilities().reactions {
        must("react", connector.react(&made.reference, &theirs.id).await);
    }
    let edit = Act::EditComment(theirs.id.clone(), "/poam approve".to_owned());
    s.act(&s.us, &made, edit);
    let after = log(s, &made).await;
    let edited = comment(&after, &theirs.id);
    assert_eq!(edited.body, "/poam approve", "an edit is read under the same id");
    assert_eq!(edited.author, theirs.author, "an edit keeps the author");
    assert_ne!(
        edited.last_editor.as_ref(),
        Some(&theirs.author),
        "a comment changed by another is never said to be last edited by its author"
    );

    s.act(&s.human, &made, Act::DeleteComment(theirs.id.clone()));
    assert_eq!(log(s, &made).await.comments.len(), 1, "a deleted comment is gone");
}

pub(super) async fn attachments_where_there_are_any(s: &Subject) {
    let connector = s.connector();
    let made = s.create("With a file").await;
    let bytes = Bytes::from_static(b"scan result: clean");
    let attach = Act::Attach { name: "scan.txt".to_owned(), bytes: bytes.clone() };
    if s.site.act(&s.human, &made.reference.id, attach).is_err() {
        assert!(log(s, &made).await.attachments.is_empty(), "a site without attachments lists none");
        return;
    }
    let log = log(s, &made).await;
    let Some(file) = log.attachments.first() else { panic!("the attachment is listed") };
    assert_eq!((file.name.as_str(), file.size), ("scan.txt", bytes.len() as u64));
    assert_eq!(file.author.as_ref().map(|a| &a.id), Some(&s.human.id), "it tells who attached it");
    let read = must("attachment_bytes", connector.attachment_bytes(&made.reference, file, 1024).await);
    assert_eq!(read, bytes, "its bytes are as attached");
    let refused = connector.attachment_bytes(&made.reference, file, 4).await.map_err(|e| e.kind);
    assert_eq!(refused, Err(ErrorKind::TooLarge { cap: 4 }), "bytes over the cap are refused");
}
