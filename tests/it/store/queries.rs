//! Lists of what is in the register.

use std::sync::Arc;

use poam::register::{
    Digest, DriftKind, ItemNumber, MilestoneState, MoveState, Rating, Status, Subject, SystemId,
};
use poam::store::{ItemFilter, MilestoneFilter, Scope};

use super::sample::{acme, at, day, m, tell, v};
use super::world::{World, on_both};

#[tokio::test]
async fn items_are_listed_filtered_and_paged_by_place() {
    on_both(async |world: Arc<World>| {
        tell(&world.db).await;
        let mut tx = world.db.read().await.expect("a transaction");
        let whole = tx.load(&acme(), Scope::All).await.expect("a register");
        let mut list = async |filter: ItemFilter, after, limit| {
            let items = tx.items(&acme(), &filter, after, limit).await.expect("items");
            for item in &items {
                assert_eq!(whole.items.get(&item.number), Some(item));
            }
            items.iter().map(|item| item.number.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(list(ItemFilter::default(), None, 9).await, ["V-1", "V-2", "AC-77"]);
        assert_eq!(list(ItemFilter::default(), Some(1), 1).await, ["V-2"]);
        let of = |statuses: &[Status]| ItemFilter { statuses: statuses.to_vec(), ..ItemFilter::default() };
        assert_eq!(list(of(&[Status::Closed]), None, 9).await, ["V-2", "AC-77"]);
        assert_eq!(list(of(&[Status::InProgress, Status::Open]), None, 9).await, ["V-1"]);
        let owner = ItemFilter { owner: Some("Ann Ode".to_owned()), ..of(&[Status::Closed]) };
        assert_eq!(list(owner, None, 9).await, ["V-2"]);
        let late = ItemFilter { deadline_before: Some(day(32)), ..ItemFilter::default() };
        assert_eq!(list(late, None, 9).await, ["V-1"]);
        let in_time = ItemFilter { deadline_before: Some(day(31)), ..ItemFilter::default() };
        assert_eq!(list(in_time, None, 9).await, Vec::<String>::new());
        let served = ItemFilter { milestone: Some(m(2)), ..ItemFilter::default() };
        assert_eq!(list(served, None, 9).await, ["V-1"]);
        let text = |text: &str| ItemFilter { text: Some(text.to_owned()), ..ItemFilter::default() };
        assert_eq!(list(text("wEAK"), None, 9).await, ["V-1"]);
        assert_eq!(list(text("ac-7"), None, 9).await, ["AC-77"]);
        assert_eq!(list(text("%"), None, 9).await, Vec::<String>::new());
        assert_eq!(list(text("_"), None, 9).await, Vec::<String>::new());

        assert_eq!(tx.item(&acme(), &v(2)).await.expect("a query").as_ref(), whole.items.get(&v(2)));
        assert_eq!(tx.item(&acme(), &ItemNumber::ours(99)).await.expect("a query"), None);

        let cause = tx.entries(&acme(), 1, 1).await.expect("rows").pop().expect("a row").cause;
        assert!(tx.has_cause(&acme(), &cause).await.expect("a query"));
        assert!(!tx.has_cause(&acme(), "plan none").await.expect("a query"));
        assert!(!tx.has_cause(&SystemId::new("NONE").expect("an id"), &cause).await.expect("a query"));
    })
    .await;
}

#[tokio::test]
async fn milestones_and_moves_are_listed_whole() {
    on_both(async |world: Arc<World>| {
        tell(&world.db).await;
        let mut tx = world.db.read().await.expect("a transaction");
        let whole = tx.load(&acme(), Scope::All).await.expect("a register");
        let mut list = async |filter: MilestoneFilter, after, limit| {
            let milestones = tx.milestones(&acme(), &filter, after, limit).await.expect("milestones");
            for milestone in &milestones {
                assert_eq!(whole.milestones.get(&milestone.number), Some(milestone));
            }
            milestones.iter().map(|milestone| milestone.number.0).collect::<Vec<_>>()
        };
        assert_eq!(list(MilestoneFilter::default(), None, 9).await, [1, 2, 3]);
        assert_eq!(list(MilestoneFilter::default(), Some(m(1)), 1).await, [2]);
        let states = vec![MilestoneState::Blocked, MilestoneState::Planned];
        assert_eq!(list(MilestoneFilter { states, ..MilestoneFilter::default() }, None, 9).await, [2, 3]);
        let item = MilestoneFilter { item: Some(v(2)), ..MilestoneFilter::default() };
        assert_eq!(list(item, None, 9).await, [1, 3]);
        let due = MilestoneFilter { due_by: Some(day(30)), ..MilestoneFilter::default() };
        assert_eq!(list(due, None, 9).await, [2, 3]);
        let owner = MilestoneFilter { owner: Some("Nobody".to_owned()), ..MilestoneFilter::default() };
        assert_eq!(list(owner, None, 9).await, Vec::<u32>::new());
        assert_eq!(tx.milestone(&acme(), m(1)).await.expect("a query").as_ref(), whole.milestones.get(&m(1)));
        assert_eq!(tx.milestone(&acme(), m(9)).await.expect("a query"), None);

        let moves = tx.moves(&acme(), None).await.expect("moves");
        let states: Vec<_> =
            moves.iter().map(|(number, moved)| (number.0, moved.number, moved.state)).collect();
        let wanted =
            [(1, 1, MoveState::Approved), (1, 2, MoveState::Unexplained), (2, 1, MoveState::Rejected)];
        assert_eq!(states, wanted);
        assert_eq!(tx.moves(&acme(), Some(at(10))).await.expect("moves").len(), 3);
        assert_eq!(tx.moves(&acme(), Some(at(11))).await.expect("moves").len(), 0);
    })
    .await;
}

#[tokio::test]
async fn findings_about_it_are_listed() {
    on_both(async |world: Arc<World>| {
        tell(&world.db).await;
        let mut tx = world.db.read().await.expect("a transaction");
        let whole = tx.load(&acme(), Scope::All).await.expect("a register");

        let open = tx.drifts(&acme(), true).await.expect("drifts");
        assert_eq!(open.iter().map(|drift| drift.number).collect::<Vec<_>>(), [2, 3]);
        let all = tx.drifts(&acme(), false).await.expect("drifts");
        assert_eq!(all, whole.drifts.values().cloned().collect::<Vec<_>>());
        let about = tx.drifts_of(&acme(), &Subject::Milestone(m(1))).await.expect("drifts");
        assert_eq!(about.iter().map(|drift| drift.kind).collect::<Vec<_>>(), [DriftKind::SlipUnexplained]);
        assert!(tx.drifts_of(&acme(), &Subject::System).await.expect("drifts").is_empty());

        let open = tx.conflicts(&acme(), true).await.expect("conflicts");
        assert_eq!(open.iter().map(|conflict| conflict.number).collect::<Vec<_>>(), [2]);
        let all = tx.conflicts(&acme(), false).await.expect("conflicts");
        assert_eq!(all, whole.conflicts.values().cloned().collect::<Vec<_>>());

        let notices: Vec<_> = whole.notices.values().cloned().collect();
        assert_eq!(tx.notices(&acme(), None, 9).await.expect("notices"), notices);
        assert!(tx.notices(&acme(), Some(1), 9).await.expect("notices").is_empty());
        assert_eq!(tx.notices_of(&acme(), &[m(1), m(2)]).await.expect("notices"), notices);
        assert!(tx.notices_of(&acme(), &[m(2)]).await.expect("notices").is_empty());
        assert_eq!(tx.notice(&acme(), 1).await.expect("a notice").as_ref(), notices.first());

        let evidence: Vec<_> = whole.evidence.values().cloned().collect();
        assert_eq!(tx.evidence(&acme(), None, 9).await.expect("evidence"), evidence);
        assert_eq!(tx.evidence(&acme(), Some(1), 1).await.expect("evidence"), evidence[1..2]);
        assert_eq!(tx.evidence_of(&acme(), &[m(1), m(2)]).await.expect("evidence"), evidence[..1]);
        let found = tx.evidence_with(&Digest::of(b"scan")).await.expect("evidence");
        assert_eq!(found, [(acme(), evidence[1].clone())]);

        let import = tx.import(&acme(), &Digest::of(b"workbook")).await.expect("a query").expect("an import");
        assert!(import.finished.is_some());
        assert_eq!(tx.import(&acme(), &Digest::of(b"none")).await.expect("a query"), None);
        assert_eq!(tx.imports(&acme()).await.expect("imports"), [(Digest::of(b"workbook"), import)]);
    })
    .await;
}

#[tokio::test]
async fn counts_follow_what_happens() {
    on_both(async |world: Arc<World>| {
        tell(&world.db).await;
        let mut tx = world.db.read().await.expect("a transaction");
        let counts = tx.counts(&acme()).await.expect("counts");
        let wanted = [
            ("conflict.open", 1),
            ("drift.incomplete", 1),
            ("drift.tracker-silent", 1),
            ("item.closed", 2),
            ("item.in_progress", 1),
            ("item.open.high", 1),
            ("milestone.blocked", 1),
            ("milestone.in_progress", 1),
            ("milestone.planned", 1),
            ("move.unexplained", 1),
        ];
        let found: Vec<_> = counts.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(found, wanted);
        assert_eq!(Rating::High.name(), "high");
    })
    .await;
}

#[tokio::test]
async fn systems_people_tokens_and_halted_trackers_are_found() {
    on_both(async |world: Arc<World>| {
        tell(&world.db).await;
        let mut tx = world.db.read().await.expect("a transaction");
        let systems = tx.systems().await.expect("systems");
        assert_eq!(systems.iter().map(|system| system.id.clone()).collect::<Vec<_>>(), [acme()]);
        let people = tx.people().await.expect("people");
        assert_eq!(people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>(), ["Ann Ode"]);
        let ann = people.first().cloned();
        assert_eq!(tx.person("Ann Ode").await.expect("a query"), ann);
        assert_eq!(tx.person("Bo").await.expect("a query"), None);
        assert_eq!(tx.person_on_github("annODE").await.expect("a query"), ann);
        assert_eq!(tx.person_on_github("ann").await.expect("a query"), None);
        assert_eq!(tx.person_on_jira("5b10-AnnOde").await.expect("a query"), ann);
        assert_eq!(tx.person_on_jira("5b10-annode").await.expect("a query"), None);
        let tokens = tx.tokens().await.expect("tokens");
        assert_eq!(tokens.iter().map(|token| token.name.as_str()).collect::<Vec<_>>(), ["dashboard", "old"]);
        assert_eq!(
            tx.token_by_digest(&Digest::of(b"token")).await.expect("a query").as_ref(),
            tokens.first()
        );
        assert_eq!(tx.token_by_digest(&Digest::of(b"none")).await.expect("a query"), None);
        let halted = tx.halted().await.expect("trackers");
        assert_eq!(halted.keys().collect::<Vec<_>>(), ["ops"]);
        assert_eq!(tx.chains().await.expect("chains"), [acme(), SystemId::reserved()]);
    })
    .await;
}
