//! The whole story, played by itself: every step that is told is first seen to be true in the store or in a ticket.

use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate};
use connector_api::fake::{Act, FakeSite, FakeTicket};
use connector_api::{Account, TicketState};

use super::data::{self, ADA, Character, GRACE, LINUS};
use super::live::{DemoError, Stage, moment};
use crate::app::act::{Who, act};
use crate::app::import::{How, import};
use crate::exchange::plan_file;
use crate::register::{
    Actor, Drift, DriftKind, EvidenceKind, MilestoneNumber, MilestoneState, MoveState, Register, Role,
    Status, Subject,
};
use crate::store::{Scope, Seals};
use crate::sync::open::open;

/// How long a step may take before the story stops.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who hears the story.
pub type Tell<'a> = &'a (dyn Fn(String) + Send + Sync);

/// Imports the workbook, plans, and opens the tickets: where a visitor begins too.
pub async fn prepare(stage: &Stage, tell: Tell<'_>) -> Result<(), DemoError> {
    let world = &stage.world;
    let today = world.clock.now().date_naive();
    let who = Who { actor: Actor::Person(GRACE.name.to_owned()), roles: Role::ALL.into_iter().collect() };
    let book = data::workbook(today).map_err(DemoError::of)?;
    std::fs::write(stage.folder.join("poam.xlsx"), &book).map_err(DemoError::of)?;
    let report = import(world, &stage.system, &who, "poam.xlsx", book.into(), How::default(), &|_, _| {})
        .await
        .map_err(DemoError::of)?;
    let register = register(stage).await?;
    holds(report.refused.is_empty() && register.items.len() == 8, "all 8 rows of the workbook became items")?;
    tell(format!("1. The team's workbook is imported: {} items, as they stood.", register.items.len()));

    let plan = data::plan(today);
    std::fs::write(stage.folder.join("plan.toml"), &plan).map_err(DemoError::of)?;
    let commands = plan_file::commands("plan.toml", &plan, &stage.system, register.system.last_item)
        .map_err(DemoError::of)?;
    let commands = commands.into_iter().map(|planned| planned.command).collect();
    act(world, &stage.system, &who, commands).await.map_err(DemoError::of)?;
    let register = self::register(stage).await?;
    let serves = register.milestones.get(&M1).map_or(0, |milestone| milestone.serves.len());
    holds(
        register.milestones.len() == 4 && serves == 3,
        "four milestones, the first of which serves three items",
    )?;
    tell(
        "2. Four milestones are planned. M-1, one upgrade, serves three findings: V-1, V-2 and V-3."
            .to_owned(),
    );

    let opened = open(world, &stage.system, None, false).await.map_err(DemoError::of)?;
    holds(opened.opening.len() == 4, "four tickets open")?;
    until("every milestone has its ticket", || async {
        let register = self::register(stage).await?;
        Ok(register.milestones.values().all(|milestone| milestone.ticket.is_some()))
    })
    .await?;
    let (github, jira) = (stage.sites.github.tickets().len(), stage.sites.jira.tickets().len());
    holds(github == 1 && jira == 3, "one ticket on GitHub and three in Jira")?;
    tell(format!("3. Tickets open by route: {github} on GitHub, {jira} in Jira, one for each milestone."));
    Ok(())
}

const M1: MilestoneNumber = MilestoneNumber(1);
const M2: MilestoneNumber = MilestoneNumber(2);

/// Plays the story.
#[expect(clippy::too_many_lines, reason = "one step after the other, as it is told")]
pub async fn play(stage: &Stage, tell: Tell<'_>) -> Result<(), DemoError> {
    prepare(stage, tell).await?;

    person(stage, ADA, M1, Act::SetState(TicketState::InProgress)).await?;
    person(stage, LINUS, M2, Act::SetState(TicketState::InProgress)).await?;
    until("both milestones are in progress, and so are the items they serve", || async {
        let register = register(stage).await?;
        let begun =
            |number| register.milestones.get(&number).is_some_and(|m| m.state == MilestoneState::InProgress);
        let items = register.milestones.get(&M1).into_iter().flat_map(|m| register.items_of(m));
        Ok(begun(M1) && begun(M2) && items.into_iter().all(|item| item.status == Status::InProgress))
    })
    .await?;
    tell(
        "4. Ada begins M-1 on GitHub, Linus begins M-2 in Jira: the items they serve are in progress."
            .to_owned(),
    );

    let original = due(stage).await?;
    let later = original.checked_add_days(Days::new(40)).unwrap_or(original);
    person(stage, ADA, M1, Act::SetDue(Some(later))).await?;
    until("the moved date is a proposal, and drift", || async {
        let register = register(stage).await?;
        let Some(milestone) = register.milestones.get(&M1) else { return Ok(false) };
        let proposed =
            milestone.open_move().is_some_and(|m| m.to == Some(later) && m.state == MoveState::Unexplained);
        Ok(proposed && milestone.due == Some(original) && drifting(&register, DriftKind::SlipUnexplained))
    })
    .await?;
    tell(format!(
        "5. Ada moves M-1 from {original} to {later} in the ticket and says nothing. The plan keeps {original}."
    ));

    until("the ticket asks why, once", || async { Ok(questions(&ticket(stage, M1).await?) == 1) }).await?;
    tell("6. The bridge asks in the ticket why the date moved.".to_owned());

    say(stage, ADA, M1, "/poam why the load balancer vendor ships its fix two weeks late").await?;
    until("the move is explained, and waits for an approver", || async {
        let register = register(stage).await?;
        let explained = register
            .milestones
            .get(&M1)
            .and_then(|m| m.open_move())
            .is_some_and(|moved| moved.state == MoveState::Explained);
        Ok(explained
            && drifting(&register, DriftKind::SlipUnapproved)
            && !drifting(&register, DriftKind::SlipUnexplained))
    })
    .await?;
    tell(
        "7. Ada answers. 40 days are more than a rule may approve, so the move waits for an approver."
            .to_owned(),
    );

    say(stage, GRACE, M1, "/poam approve").await?;
    until("the move is approved, the plan has the new date and keeps the original", || async {
        let register = register(stage).await?;
        let Some(milestone) = register.milestones.get(&M1) else { return Ok(false) };
        let slips = [DriftKind::SlipUnexplained, DriftKind::SlipUnapproved, DriftKind::DueDiffers];
        Ok(milestone.due == Some(later)
            && milestone.original_due == Some(original)
            && milestone.moves.iter().any(|m| m.state == MoveState::Approved)
            && !slips.into_iter().any(|kind| drifting(&register, kind)))
    })
    .await?;
    tell(format!("8. Grace approves. M-1 is due {later}; its original date stays {original} for ever."));

    let sha = "9f2c41d07be5a6c3418f3e0b7d5a92c86e10f4bd";
    person(stage, ADA, M1, Act::CloseByPullRequest(42, sha.to_owned())).await?;
    until("M-1 is done, with the transition and the pull request as evidence", || async {
        let register = register(stage).await?;
        let Some(milestone) = register.milestones.get(&M1) else { return Ok(false) };
        let evidence = milestone.evidence.iter().filter_map(|number| register.evidence.get(number));
        let kinds: Vec<EvidenceKind> = evidence.clone().map(|evidence| evidence.kind).collect();
        let merged =
            evidence.into_iter().any(|e| e.details.get("merge_sha").is_some_and(|found| found == sha));
        Ok(milestone.state == MilestoneState::Done
            && merged
            && kinds.contains(&EvidenceKind::Transition)
            && kinds.contains(&EvidenceKind::PullRequestReview))
    })
    .await?;
    tell(
        "9. A merged pull request closes the ticket: M-1 is done, and what closed it is hashed evidence."
            .to_owned(),
    );

    until("the three items wait for validation; none is closed", || async {
        let register = register(stage).await?;
        let items = register.milestones.get(&M1).into_iter().flat_map(|m| register.items_of(m));
        Ok(items.into_iter().all(|item| item.status == Status::PendingValidation))
    })
    .await?;
    tell(
        "10. V-1, V-2 and V-3 wait for somebody else to validate them: Done in a tracker closes nothing."
            .to_owned(),
    );

    let mut read = stage.world.db.read().await.map_err(DemoError::of)?;
    let chains = read.verify_all(&Seals::default()).await.map_err(DemoError::of)?;
    drop(read);
    let faults: Vec<String> = chains.iter().flat_map(|chain| chain.faults.clone()).collect();
    holds(faults.is_empty(), &format!("the journal verifies: {}", faults.join("; ")))?;
    let register = register(stage).await?;
    for evidence in register.evidence.values() {
        if let Some(digest) = &evidence.digest {
            stage.world.evidence.verify(digest).await.map_err(DemoError::of)?;
        }
    }
    let rows: u64 = chains.iter().map(|chain| chain.rows).sum();
    tell(format!(
        "11. The journal is verified: {rows} rows in {} chains, each hash, and the tables are what they replay to; {} \
         pieces of evidence have the bytes that were hashed.",
        chains.len(),
        register.evidence.len(),
    ));
    Ok(())
}

async fn register(stage: &Stage) -> Result<Register, DemoError> {
    let mut read = stage.world.db.read().await.map_err(DemoError::of)?;
    read.load(&stage.system, Scope::All).await.map_err(DemoError::of)
}

async fn due(stage: &Stage) -> Result<NaiveDate, DemoError> {
    let register = register(stage).await?;
    let due = register.milestones.get(&M1).and_then(|milestone| milestone.due);
    due.ok_or_else(|| DemoError::Story("M-1 has no due date".to_owned()))
}

/// Whether a drift of that kind is open about M-1.
fn drifting(register: &Register, kind: DriftKind) -> bool {
    let open = |drift: &&Drift| drift.settled.is_none() && drift.subject == Subject::Milestone(M1);
    register.drifts.values().filter(open).any(|drift| drift.kind == kind)
}

fn questions(ticket: &FakeTicket) -> usize {
    ticket.comments.iter().filter(|comment| comment.body.contains("no reason is recorded")).count()
}

/// The site and immutable id of a milestone's ticket.
async fn place(
    stage: &Stage,
    number: MilestoneNumber,
) -> Result<(Box<dyn FakeSite>, bool, String), DemoError> {
    let register = register(stage).await?;
    let named = register.milestones.get(&number).and_then(|milestone| milestone.ticket.clone());
    let named = named.ok_or_else(|| DemoError::Story(format!("{number} has no ticket")))?;
    let github =
        stage.sites.github.tickets().iter().any(|ticket| ticket.id == named.id && named.tracker == "portal");
    let site: Box<dyn FakeSite> =
        if github { Box::new(stage.sites.github.clone()) } else { Box::new(stage.sites.jira.clone()) };
    Ok((site, github, named.id))
}

async fn ticket(stage: &Stage, number: MilestoneNumber) -> Result<FakeTicket, DemoError> {
    let (site, _, id) = place(stage, number).await?;
    let found = site.tickets().into_iter().find(|ticket| ticket.id == id);
    found.ok_or_else(|| DemoError::Story(format!("the ticket of {number} is gone")))
}

async fn person(stage: &Stage, who: Character, number: MilestoneNumber, act: Act) -> Result<(), DemoError> {
    let (site, github, id) = place(stage, number).await?;
    let account = if github { who.github } else { who.jira };
    let account = Account { id: account.to_owned(), name: who.name.to_owned() };
    site.act(&account, &id, act).map_err(DemoError::Story)
}

async fn say(stage: &Stage, who: Character, number: MilestoneNumber, text: &str) -> Result<(), DemoError> {
    person(stage, who, number, Act::Comment(text.to_owned())).await
}

fn holds(condition: bool, what: &str) -> Result<(), DemoError> {
    if condition { Ok(()) } else { Err(DemoError::Story(format!("this did not come true: {what}"))) }
}

/// Waits for something to become true.
async fn until<F>(what: &str, mut condition: impl FnMut() -> F) -> Result<(), DemoError>
where
    F: Future<Output = Result<bool, DemoError>>,
{
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if condition().await? {
            return Ok(());
        }
        moment().await;
    }
    holds(false, what)
}
