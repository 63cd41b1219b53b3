//! Patches.

use chrono::TimeDelta;

use super::{OTHER_BLOCK, Subject, assert_same, day, must};
use crate::fake::Act;
use crate::{LABEL, Patch, StatusCategory, Ticket, TicketState};

async fn apply(s: &Subject, seen: &Ticket, patch: &Patch) -> Ticket {
    let after = must("apply", s.connector().apply(seen, patch).await);
    assert_same(&after, &s.fetch(&after.reference).await, "what apply gives against a fetch");
    s.later();
    after
}

pub(super) async fn each_field_reads_back(s: &Subject) {
    let made = s.create("Every field, one by one").await;
    let keeps = |before: &Ticket, after: &Ticket, what: &str| {
        assert_eq!(before.status, after.status, "{what} alone leaves the status");
        assert_eq!(before.description.outside, after.description.outside, "{what} alone leaves the text");
        assert!(after.labels.contains(LABEL), "{what} alone leaves our label");
    };

    let titled = apply(s, &made, &Patch { title: Some("Another title".to_owned()), ..s.patch() }).await;
    assert_eq!(titled.title, "Another title");
    assert_eq!(titled.description.block, made.description.block, "a title alone leaves the block");
    keeps(&made, &titled, "a title");

    let blocked = apply(s, &titled, &Patch { block: Some(OTHER_BLOCK.to_owned()), ..s.patch() }).await;
    assert_eq!(blocked.description.block.as_deref(), Some(OTHER_BLOCK), "the block is replaced");
    assert_eq!(blocked.marker, made.marker, "replacing the block keeps the marker");
    keeps(&titled, &blocked, "a block");

    let nobody = apply(s, &blocked, &Patch { assignee: Some(None), ..s.patch() }).await;
    assert_eq!(nobody.assignee, None, "the assignee is cleared");
    let us = apply(s, &nobody, &Patch { assignee: Some(Some(s.us.clone())), ..s.patch() }).await;
    assert_eq!(us.assignee.as_ref().map(|a| &a.id), Some(&s.us.id), "the assignee is set");
    keeps(&nobody, &us, "an assignee");

    let labels = Patch {
        add_labels: ["compliance".to_owned()].into(),
        remove_labels: ["security".to_owned()].into(),
        ..s.patch()
    };
    s.act(&s.human, &us, Act::AddLabel("their-own".to_owned()));
    let seen = s.fetch(&us.reference).await;
    let labelled = apply(s, &seen, &labels).await;
    let mut wanted = seen.labels.clone();
    wanted.remove("security");
    wanted.insert("compliance".to_owned());
    assert_eq!(labelled.labels, wanted, "labels come and go, and others' stay");
    keeps(&seen, &labelled, "labels");

    if s.due_in_field() {
        let dated = Patch { due: Some(Some(day(2027, 2, 28))), ..s.patch() };
        let dated = apply(s, &labelled, &dated).await;
        assert_eq!(dated.due, Some(day(2027, 2, 28)), "the due date is set");
        assert_eq!(s.fake_ticket(&made.reference.id).due, dated.due, "the very day, whatever the zone");
        keeps(&labelled, &dated, "a due date");
        let cleared = apply(s, &dated, &Patch { due: Some(None), ..s.patch() }).await;
        assert_eq!(cleared.due, None, "the due date is cleared");
    }
}

pub(super) async fn each_state_reads_back(s: &Subject) {
    let mut seen = s.create("Through every state").await;
    for (to, _) in &s.states {
        for target in [*to, TicketState::Open] {
            let change = s.state_change(target);
            seen = apply(s, &seen, &Patch { state: Some(change), ..s.patch() }).await;
            let fake = s.fake_ticket(&seen.reference.id);
            let closed = matches!(target, TicketState::Done | TicketState::Dropped);
            assert_eq!(seen.status.category == StatusCategory::Done, closed, "category after {target:?}");
            if closed {
                assert_eq!(fake.state, target, "the site reads {target:?} as what it is");
            }
        }
    }
    let again = Patch { state: Some(s.state_change(TicketState::Open)), ..s.patch() };
    let after = apply(s, &seen, &again).await;
    assert_eq!(after.status, seen.status, "asking for the state it is in changes nothing");
}

pub(super) async fn one_patch_one_request(s: &Subject) {
    let connector = s.connector();
    let made = s.create("All at once").await;
    let due = Some(Some(day(2027, 1, 20)));
    let patch = Patch {
        title: Some("All at once, renamed".to_owned()),
        block: Some(OTHER_BLOCK.to_owned()),
        due,
        assignee: Some(Some(s.us.clone())),
        remove_labels: ["security".to_owned()].into(),
        ..s.patch()
    };
    // Whatever a connector must learn about a project once, it has learnt now.
    let seen = must("apply", connector.apply(&made, &Patch { due, ..s.patch() }).await);
    let nothing = Patch { due: Some(None), assignee: Some(None), ..s.patch() };
    let seen = must("apply", connector.apply(&seen, &nothing).await);
    let before = s.site.requests().len();
    let after = must("apply", connector.apply(&seen, &patch).await);
    let sent = s.site.requests().split_off(before);
    // A site that answers a write with nothing (Jira Data Center) is asked for the ticket once.
    let writes = sent.iter().filter(|request| !request.starts_with("GET ")).count();
    assert_eq!(writes, 1, "title, block, due, labels and assignee go in one request: {sent:?}");
    assert!(sent.len() <= 2, "and at most one reads the ticket back: {sent:?}");
    assert_eq!(after.title, "All at once, renamed");
    assert_eq!(after.description.block.as_deref(), Some(OTHER_BLOCK));
    assert_eq!(after.assignee.map(|a| a.id), Some(s.us.id.clone()));
    assert!(!after.labels.contains("security"), "the label is gone");
}

pub(super) async fn empty_patch_sends_nothing(s: &Subject) {
    let connector = s.connector();
    let made = s.create("Left as it is").await;
    let before = s.site.requests().len();
    let after = must("apply", connector.apply(&made, &s.patch()).await);
    assert_eq!(s.site.requests().len(), before, "an empty patch sends nothing");
    assert_eq!(after, made, "and gives the ticket back as it was seen");
}

pub(super) async fn text_outside_the_block_survives(s: &Subject) {
    let made = s.create("With notes of their own").await;
    s.act(&s.human, &made, Act::EditOutside("Ask Dana before touching host edge-7.".to_owned()));
    let seen = s.fetch(&made.reference).await;
    assert_eq!(seen.description.block, made.description.block, "a note outside leaves the block");
    assert!(seen.description.outside.contains("Ask Dana before touching host edge-7."), "the note is read");

    let after = apply(s, &seen, &Patch { block: Some(OTHER_BLOCK.to_owned()), ..s.patch() }).await;
    assert_eq!(after.description.block.as_deref(), Some(OTHER_BLOCK));
    assert_eq!(after.description.outside, seen.description.outside, "the note survives a new block");

    s.act(&s.human, &made, Act::ReplaceText("I threw the block away.".to_owned()));
    let bare = s.fetch(&made.reference).await;
    assert_eq!(bare.description.block, None, "a block that was removed is not there");
    assert_eq!(bare.description.outside.trim(), "I threw the block away.");
    (s.advance)(TimeDelta::seconds(30));
    let back = apply(s, &bare, &Patch { block: Some(OTHER_BLOCK.to_owned()), ..s.patch() }).await;
    assert_eq!(back.description.block.as_deref(), Some(OTHER_BLOCK), "a removed block comes back");
    assert_eq!(back.description.outside, bare.description.outside, "and leaves the rest alone");
}
