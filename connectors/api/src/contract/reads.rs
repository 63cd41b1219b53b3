//! Who we are, creating, finding, polling, fetching, webhooks.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use secrecy::SecretString;

use super::{Subject, assert_same, is_ours, marker, must};
use crate::fake::Act;
use crate::{Fetched, LABEL, Marker, PollFrom, ProjectSpec, StatusCategory, Ticket, TicketRef, WebhookError};

pub(super) async fn account_and_check(s: &Subject) {
    let connector = s.connector();
    let account = must("account", connector.account().await);
    assert_eq!(account.id, s.us.id, "the connection must know whom it writes as");
    let good = must("check", connector.check(std::slice::from_ref(&s.project)).await);
    assert_eq!(good.account.map(|a| a.id), Some(s.us.id.clone()), "check names the account");
    assert_eq!(good.problems, Vec::<String>::new(), "a project set up well has no problems");
    let unknown = ProjectSpec { project: unknown_project(&s.project.project), ..s.project.clone() };
    let bad = must("check", connector.check(&[s.project.clone(), unknown.clone()]).await);
    assert!(
        bad.problems.iter().any(|p| p.contains(&unknown.project)),
        "check must name the project that is not there, and said {:?}",
        bad.problems
    );
}

fn unknown_project(known: &str) -> String {
    match known.split_once('/') {
        Some((owner, _)) => format!("{owner}/no-such-project"),
        None => "NOSUCH".to_owned(),
    }
}

pub(super) async fn create_carries_everything(s: &Subject) {
    let connector = s.connector();
    let new = s.new_ticket("[ACME M-17] Upgrade openssl");
    let before = s.site.tickets().len();
    let answer = must("create", connector.create(&new).await);
    let made = s.fetch(&answer.reference).await;
    assert_eq!(answer.reference, made.reference, "create names the ticket that it made");
    assert_eq!(
        answer.assignee.map(|a| a.id),
        made.assignee.as_ref().map(|a| a.id.clone()),
        "and whose it is"
    );
    assert_eq!(s.site.tickets().len(), before + 1, "create makes one ticket");
    assert_eq!(made.title, new.title, "the title is as given");
    assert_eq!(made.description.block.as_deref(), Some(new.block.as_str()), "the block reads back as given");
    assert_eq!(made.description.outside, "", "nothing stands outside the block at first");
    assert_eq!(made.marker.as_ref(), Some(&new.marker), "the marker is on the ticket");
    for label in [LABEL, "security", new.marker.label().as_str()] {
        assert!(made.labels.contains(label), "label {label} is missing from {:?}", made.labels);
    }
    assert_eq!(made.assignee.as_ref().map(|a| &a.id), Some(&s.human.id), "the assignee is set by the create");
    assert_eq!(made.author.as_ref().map(|a| &a.id), Some(&s.us.id), "the author is us");
    assert_eq!(made.status.category, StatusCategory::Todo, "a new ticket is not begun");
    let due = if s.due_in_field() { new.due } else { None };
    assert_eq!(made.due, due, "the due field holds the date where there is one");
    assert_eq!(made.reference.project, s.project.project, "the reference names the project");
    let fake = s.fake_ticket(&made.reference.id);
    assert_eq!(fake.marker.as_ref(), Some(&new.marker), "the site itself holds the marker");
    assert_eq!(fake.key, made.reference.key, "the key is the site's");
}

pub(super) async fn marker_finds_exactly_its_ticket(s: &Subject) {
    let connector = s.connector();
    let new = s.new_ticket("Found by its marker");
    let made = must("create", connector.create(&new).await);
    // The label holds 12 digits of 32 only, and no installation: both twins share it.
    let mut tail = new.marker.link.get(..12).unwrap_or_default().to_owned();
    tail.push_str(&"f".repeat(20));
    let twins = [
        Marker { installation: "another-5c6d".to_owned(), link: new.marker.link.clone() },
        Marker { installation: new.marker.installation.clone(), link: tail },
    ];
    for twin in &twins {
        let mut other = s.new_ticket("Another's");
        other.marker = twin.clone();
        must("create", connector.create(&other).await);
    }
    // Past the consistency window a search shows every write.
    (s.advance)(TimeDelta::seconds(i64::from(connector.capabilities().consistency_window_s) + 1));
    let found = must("find_marker", connector.find_marker(&s.project, &new.marker).await);
    let ids: Vec<_> = found.iter().map(|t| t.reference.id.clone()).collect();
    assert_eq!(ids, std::slice::from_ref(&made.reference.id), "a marker finds its own ticket and no other's");
    if let Some(found) = found.first() {
        assert_same(&s.fetch(&made.reference).await, found, "find_marker against fetch");
    }
    for twin in &twins {
        let found = must("find_marker", connector.find_marker(&s.project, twin).await);
        assert_eq!(found.len(), 1, "{twin:?} finds exactly one");
        assert_ne!(
            found.first().map(|t| &t.reference.id),
            Some(&made.reference.id),
            "a twin's marker must not find ours"
        );
    }
    let none = must("find_marker", connector.find_marker(&s.project, &marker()).await);
    assert!(none.is_empty(), "a marker that was never used finds nothing");
}

/// Polls every stream of the project once.
async fn poll(s: &Subject, cursors: &mut Vec<Option<String>>, since: TimeDelta) -> Vec<Ticket> {
    let connector = s.connector();
    let streams = connector.streams(std::slice::from_ref(&s.project));
    assert!(!streams.is_empty(), "a project needs a stream");
    cursors.resize(streams.len(), None);
    let start = (s.now)() - since;
    let mut seen = Vec::new();
    for (stream, cursor) in streams.iter().zip(cursors.iter_mut()) {
        let changed = must(
            "changed_since",
            connector.changed_since(stream, &PollFrom::new(cursor.as_deref(), start)).await,
        );
        assert!(changed.server_time.is_some(), "a poll tells the site's own time");
        *cursor = Some(changed.cursor);
        seen.extend(changed.tickets);
    }
    let ids: BTreeSet<_> = seen.iter().map(|t| &t.reference.id).collect();
    assert_eq!(ids.len(), seen.len(), "a poll gives each ticket once");
    assert!(seen.iter().all(is_ours), "a poll gives only tickets with our label");
    seen
}

pub(super) async fn poll_sees_edits_and_then_is_quiet(s: &Subject) {
    (s.advance)(TimeDelta::hours(3));
    let made = s.create("Polled").await;
    let other = s.create("Polled, and left alone").await;
    let by_hand = must("open", s.site.open_by_hand(&s.human, &s.project.project, "Not ours", "By hand."));
    (s.advance)(TimeDelta::minutes(10));
    let mut cursors = Vec::new();
    let first = poll(s, &mut cursors, TimeDelta::hours(1)).await;
    for wanted in [&made, &other] {
        let seen = first.iter().find(|t| t.reference.id == wanted.reference.id);
        let Some(seen) = seen else { panic!("the first poll must show ticket {}", wanted.reference.key) };
        assert_same(wanted, seen, "a poll against the create");
    }
    assert!(first.iter().all(|t| t.reference.id != by_hand), "a ticket without our label is not ours");

    s.act(&s.human, &made, Act::Retitle("Polled, and renamed by an engineer".to_owned()));
    let second = poll(s, &mut cursors, TimeDelta::hours(1)).await;
    let seen = second.iter().find(|t| t.reference.id == made.reference.id);
    assert_eq!(
        seen.map(|t| t.title.as_str()),
        Some("Polled, and renamed by an engineer"),
        "a poll shows an engineer's edit"
    );

    s.act(&s.human, &other, Act::Comment("Looking into it.".to_owned()));
    let third = poll(s, &mut cursors, TimeDelta::hours(1)).await;
    assert!(
        third.iter().any(|t| t.reference.id == other.reference.id),
        "a comment alone makes its ticket show in a poll"
    );

    (s.advance)(TimeDelta::minutes(10));
    poll(s, &mut cursors, TimeDelta::hours(1)).await;
    (s.advance)(TimeDelta::minutes(10));
    let quiet = poll(s, &mut cursors, TimeDelta::hours(1)).await;
    assert!(quiet.is_empty(), "with no change a poll is quiet, and gave {} tickets", quiet.len());
}

pub(super) async fn missing_is_missing(s: &Subject) {
    let kept = s.create("Kept").await;
    let deleted = s.create("Deleted").await;
    s.act(&s.human, &deleted, Act::Delete);
    let never = TicketRef { id: "987654321".to_owned(), ..kept.reference.clone() };
    let asked = [deleted.reference.clone(), kept.reference.clone(), never.clone()];
    let answer = must("fetch", s.connector().fetch(&asked).await);
    assert_eq!(answer.len(), 3, "one answer for each ticket asked");
    assert!(
        matches!(answer.first(), Some(Fetched::Missing(r) | Fetched::Gone(r)) if *r == deleted.reference),
        "a deleted ticket is missing or gone, and was {:?}",
        answer.first()
    );
    assert!(
        matches!(answer.get(1), Some(Fetched::Found(t)) if t.reference == kept.reference),
        "the answers keep the order asked"
    );
    assert_eq!(
        answer.get(2),
        Some(&Fetched::Missing(never)),
        "another ticket under the same key is not the one that was asked for"
    );
    let nothing = must("fetch", s.connector().fetch(&[]).await);
    assert!(nothing.is_empty(), "fetching nothing gives nothing");
}

pub(super) async fn key_finds_what_people_mean(s: &Subject) {
    let made = s.create("Named by its key").await;
    let by_hand = s.site.open_by_hand(&s.human, &s.project.project, "Opened by hand", "Some words");
    let by_hand = s.fake_ticket(&must("open by hand", by_hand));
    for (key, id) in [(&made.reference.key, &made.reference.id), (&by_hand.key, &by_hand.id)] {
        let found = must("look up by key", s.connector().ticket_by_key(&s.project, key).await);
        assert_eq!(found.as_ref().map(|t| &t.reference.id), Some(id), "{key} names the ticket");
        assert_eq!(found.map(|t| t.reference.key), Some(key.clone()), "{key} is its key");
    }
    let unused = made.reference.key.replace(|c: char| c.is_ascii_digit(), "") + "987654";
    let none = must("look up by key", s.connector().ticket_by_key(&s.project, &unused).await);
    assert_eq!(none, None, "{unused} names no ticket");
}

pub(super) async fn moved_is_followed(s: &Subject) {
    let made = s.create("Moves to another project").await;
    s.act(&s.human, &made, Act::Move(s.elsewhere.project.clone()));
    let found = s.fetch(&made.reference).await;
    assert_eq!(found.reference.project, s.elsewhere.project, "a moved ticket names its new project");
    assert_eq!(found.title, made.title, "it is the same ticket");
    assert_eq!(s.fake_ticket(&found.reference.id).key, found.reference.key, "it has the new key");
}

pub(super) async fn webhooks(s: &Subject) {
    let connector = s.connector();
    let made = s.create("Told of by a webhook").await;
    s.site.take_deliveries();
    s.act(&s.human, &made, Act::Retitle("Told of by a webhook, renamed".to_owned()));
    s.act(&s.human, &made, Act::Comment("And a comment.".to_owned()));
    let deliveries = s.site.take_deliveries();
    assert!(deliveries.len() >= 2, "an edit and a comment give a delivery each");
    let wrong = SecretString::from("not the secret");
    let mut ids = BTreeSet::new();
    for d in &deliveries {
        let read = connector.read_webhook(&d.headers, &d.body, std::slice::from_ref(&s.secret));
        let read = must("a delivery with a good signature", read);
        assert!(ids.insert(read.id.clone()), "each delivery has its own id");
        assert!(read.tickets.contains(&made.reference.id), "it points at the ticket: {read:?}");
        let both = [wrong.clone(), s.secret.clone()];
        let again = must("any of several secrets", connector.read_webhook(&d.headers, &d.body, &both));
        assert_eq!(again, read, "the same delivery read twice is the same, id included");
        let refused = Err(WebhookError::Signature);
        assert_eq!(
            connector.read_webhook(&d.headers, &d.body, std::slice::from_ref(&wrong)),
            refused,
            "a signature by another secret is refused"
        );
        assert_eq!(connector.read_webhook(&d.headers, &d.body, &[]), refused, "no secret accepts nothing");
        let mut bent = d.body.to_vec();
        bent.push(b' ');
        assert_eq!(
            connector.read_webhook(&d.headers, &bent, std::slice::from_ref(&s.secret)),
            refused,
            "a changed body is refused"
        );
        let mut bare = d.headers.clone();
        for name in ["x-hub-signature", "x-hub-signature-256"] {
            bare.remove(name);
        }
        assert_eq!(
            connector.read_webhook(&bare, &d.body, std::slice::from_ref(&s.secret)),
            refused,
            "a delivery without a signature is refused"
        );
    }
}

pub(super) async fn paging_reaches_the_last(s: &Subject) {
    (s.advance)(TimeDelta::hours(3));
    let mut wanted = BTreeSet::new();
    for n in 0..120 {
        let id = must(
            "open",
            s.site.open_by_hand(&s.human, &s.project.project, &format!("Bulk {n}"), "One of many."),
        );
        must("label", s.site.act(&s.human, &id, Act::AddLabel(LABEL.to_owned())));
        wanted.insert(id);
    }
    (s.advance)(TimeDelta::minutes(10));
    let mut cursors = Vec::new();
    let seen = poll(s, &mut cursors, TimeDelta::hours(1)).await;
    let seen: BTreeSet<_> = seen.into_iter().map(|t| t.reference.id).collect();
    assert_eq!(seen, wanted, "a poll reads every page");
}
