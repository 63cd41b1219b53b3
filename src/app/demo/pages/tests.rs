//! The pages, form by form, on both fakes.
#![allow(clippy::expect_used, reason = "tests")]

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use chrono::{DateTime, NaiveDate};
use connector_api::fake::{Act, FakeSite, FakeTicket, Now, RouterTransport};
use connector_api::{Connector, NewTicket, ProjectSpec, TicketState};
use connector_github::{GitHub, GitHubConfig};
use connector_jira::{Auth, Flavor, Jira, JiraConfig};
use tower::ServiceExt;
use url::Url;

use super::super::data::{ADA, BRIDGE, GRACE, LINUS, PEOPLE, PROJECT, REPOSITORY, TOKEN};
use super::super::sites;
use super::{Account, Kind, router};
use crate::sync::mapping::{DueLine, due_line};

const HOST: &str = "127.0.0.1:4321";
const BLOCK: &str = "**ACME M-1** is kept in step.\n\n- **Due:** 2026-12-15\n- **Action:** Do it";

/// A site with one ticket that the bridge made, and its pages.
struct Desk {
    kind: Kind,
    site: Arc<dyn FakeSite>,
    router: Router,
    connector: Arc<dyn Connector>,
    project: ProjectSpec,
}

struct Answer {
    status: StatusCode,
    location: String,
    cookie: String,
    text: String,
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

impl Desk {
    async fn new(kind: Kind) -> Self {
        let now: Now = Arc::new(|| DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default());
        let url = Url::parse(&format!("http://{HOST}/")).expect("an address");
        let people = |id: fn(&super::super::data::Character) -> &'static str| -> Vec<Account> {
            PEOPLE.iter().map(|who| Account { id: id(who).to_owned(), name: who.name.to_owned() }).collect()
        };
        let (site, people): (Arc<dyn FakeSite>, _) = match kind {
            Kind::GitHub => {
                let site = sites::github(&url, now.clone()).expect("a site");
                (Arc::new(site), people(|who| who.github))
            }
            Kind::Jira => (Arc::new(sites::jira(&url, now.clone())), people(|who| who.jira)),
        };
        let router = router(site.clone(), kind, people);
        let transport = Arc::new(RouterTransport(router.clone()));
        let (connector, project): (Arc<dyn Connector>, _) = match kind {
            Kind::GitHub => {
                let config = GitHubConfig::new(url, TOKEN.into());
                let project = ProjectSpec { project: REPOSITORY.to_owned(), ..ProjectSpec::default() };
                (Arc::new(GitHub::new(config, transport, now)), project)
            }
            Kind::Jira => {
                let auth = Auth::Basic { email: BRIDGE.2.to_owned(), token: TOKEN.into() };
                let config = JiraConfig::new(url, Flavor::Cloud, auth);
                let project = ProjectSpec {
                    project: PROJECT.to_owned(),
                    issue_type: Some("Task".to_owned()),
                    due_field: Some("duedate".to_owned()),
                    ..ProjectSpec::default()
                };
                (Arc::new(Jira::new(config, transport, now)), project)
            }
        };
        let desk = Self { kind, site, router, connector, project };
        desk.create("[ACME M-1] Do it").await;
        desk
    }

    /// One desk of each kind.
    async fn both() -> [Self; 2] {
        [Self::new(Kind::GitHub).await, Self::new(Kind::Jira).await]
    }

    /// The bridge makes a ticket; gives the address that it reports.
    async fn create(&self, title: &str) -> Url {
        let link = format!("{:032x}", self.site.tickets().len() + 1);
        let new = NewTicket {
            project: self.project.clone(),
            title: title.to_owned(),
            block: BLOCK.to_owned(),
            due: Some(day("2026-12-15")),
            assignee: None,
            labels: std::collections::BTreeSet::new(),
            marker: connector_api::Marker { installation: "demo".to_owned(), link },
        };
        let ticket = self.connector.create(&new).await.expect("a ticket");
        Url::parse(&ticket.reference.url).expect("an address")
    }

    fn ticket(&self) -> FakeTicket {
        self.site.tickets().into_iter().next().expect("a ticket")
    }

    /// The due date, wherever this kind of site has it.
    fn due(&self) -> Option<NaiveDate> {
        let ticket = self.ticket();
        match (self.kind, due_line(ticket.block.as_deref())) {
            (Kind::Jira, _) => ticket.due,
            (Kind::GitHub, DueLine::Date(day)) => Some(day),
            (Kind::GitHub, _) => None,
        }
    }

    /// Somebody's id here.
    fn id(&self, who: super::super::data::Character) -> &'static str {
        match self.kind {
            Kind::GitHub => who.github,
            Kind::Jira => who.jira,
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.expect("an answer");
        let text = |name| {
            let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (status, location, cookie) = (answer.status(), text(header::LOCATION), text(header::SET_COOKIE));
        let bytes = to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
        Answer { status, location, cookie, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header(header::HOST, HOST).body(Body::empty());
        self.send(request.expect("a request")).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(Some(&format!("http://{HOST}")), HOST, path, fields).await
    }

    async fn post_from(
        &self,
        origin: Option<&str>,
        host: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Request::post(path)
            .header(header::HOST, host)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        self.send(request.body(Body::from(body)).expect("a request")).await
    }

    /// Ada sends one of the ticket's forms, and is shown the ticket again.
    async fn does(&self, form: &str, field: &str, value: &str) {
        let ticket = self.ticket();
        let path = format!("/demo/tickets/{}/{form}", ticket.id);
        let answer = self.post(&path, &[("by", self.id(ADA)), (field, value)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{:?} {form} {value}: {}", self.kind, answer.text);
        assert_eq!(answer.location, ticket.path);
    }

    /// Ada sends one of the ticket's forms, and it is refused with these words.
    async fn is_refused(&self, form: &str, field: &str, value: &str, words: &str) {
        let before = self.site.tickets();
        let path = format!("/demo/tickets/{}/{form}", self.ticket().id);
        let answer = self.post(&path, &[("by", self.id(ADA)), (field, value)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{:?} {form} {value}", self.kind);
        assert!(answer.text.contains(words), "{}", answer.text);
        assert_eq!(self.site.tickets(), before, "nothing changed");
    }
}

#[tokio::test]
async fn a_state_is_set() {
    for desk in Desk::both().await {
        for (name, state) in [
            ("in_progress", TicketState::InProgress),
            ("blocked", TicketState::Blocked),
            ("done", TicketState::Done),
            ("open", TicketState::Open),
            ("dropped", TicketState::Dropped),
        ] {
            desk.does("state", "state", name).await;
            assert_eq!(desk.ticket().state, state, "{:?}", desk.kind);
        }
        desk.is_refused("state", "state", "finished", "There is no state &#34;finished&#34;").await;
    }
}

#[tokio::test]
async fn a_due_date_is_set_and_taken_away() {
    for desk in Desk::both().await {
        assert_eq!(desk.due(), Some(day("2026-12-15")), "{:?}", desk.kind);
        desk.does("due", "due", "2027-01-20").await;
        assert_eq!(desk.due(), Some(day("2027-01-20")), "{:?}", desk.kind);
        let page = desk.get(&desk.ticket().path).await.text;
        assert!(page.contains("name=\"due\" value=\"2027-01-20\""), "{page}");
        assert!(desk.ticket().block.is_some_and(|block| block.contains("Do it")), "the block stays");
        desk.does("due", "due", "").await;
        assert_eq!(desk.due(), None, "{:?}", desk.kind);
    }
}

#[tokio::test]
async fn what_is_no_date_is_refused_and_says_so() {
    for desk in Desk::both().await {
        for text in ["2026-02-30", "15.12.2026", "soon", "2026-2-3", "+2026-12-1", "<b>"] {
            desk.is_refused("due", "due", text, "is no date such as 2026-12-15").await;
        }
        assert!(!desk.get(&desk.ticket().path).await.text.contains("<b>"));
    }
}

#[tokio::test]
async fn an_assignee_is_set_and_taken_away() {
    for desk in Desk::both().await {
        desk.does("assignee", "assignee", desk.id(LINUS)).await;
        assert_eq!(desk.ticket().assignee.map(|who| who.id).as_deref(), Some(desk.id(LINUS)));
        desk.is_refused("assignee", "assignee", "mallory", "Nobody here is called").await;
        desk.does("assignee", "assignee", "").await;
        assert_eq!(desk.ticket().assignee, None);
    }
}

#[tokio::test]
async fn a_comment_is_written_by_whoever_acts() {
    for desk in Desk::both().await {
        desk.does("comment", "comment", "/poam why The vendor\r\nships later").await;
        let comments = desk.ticket().comments;
        let [comment] = comments.as_slice() else { panic!("one comment: {comments:?}") };
        assert_eq!(comment.author.id, desk.id(ADA));
        assert!(comment.body.starts_with("/poam why The vendor"), "{:?}", comment.body);
        let live = desk.get(&format!("/demo/tickets/{}/live", desk.ticket().id)).await;
        assert!(live.text.contains("/poam why The vendor<br"), "{}", live.text);
        desk.is_refused("comment", "comment", "  \r\n ", "needs some words").await;
    }
}

#[tokio::test]
async fn what_the_bridge_says_and_how_it_reacts_is_shown() {
    for desk in Desk::both().await {
        desk.does("comment", "comment", "/poam status").await;
        let ticket = desk.ticket();
        let listed = desk.connector.fetch(&[]).await.expect("nothing to fetch");
        assert!(listed.is_empty());
        let reference = connector_api::TicketRef {
            id: ticket.id.clone(),
            key: ticket.key.clone(),
            project: ticket.project.clone(),
            url: String::new(),
        };
        desk.connector.comment(&reference, "M-1 is **planned**.", "a-1").await.expect("a comment");
        if desk.connector.capabilities().reactions {
            let command = ticket.comments.first().expect("a comment");
            desk.connector.react(&reference, &command.id).await.expect("a reaction");
        }
        let page = desk.get(&ticket.path).await.text;
        assert!(page.contains("said bridge"), "{page}");
        assert!(page.contains("M-1 is <strong>planned</strong>."), "{page}");
        assert!(!page.contains("poam-comment:"), "the marker is not shown: {page}");
        assert_eq!(page.contains("<span>+1</span>"), desk.kind == Kind::GitHub, "{page}");
    }
}

#[tokio::test]
async fn merging_closes_the_issue_and_leaves_a_page() {
    let desk = Desk::new(Kind::GitHub).await;
    desk.create("[ACME M-2] Another").await;
    desk.does("merge", "", "").await;
    assert_eq!(desk.ticket().state, TicketState::Done);
    let pulls = desk.site.pulls();
    let [pull] = pulls.as_slice() else { panic!("one pull request: {pulls:?}") };
    assert_eq!((pull.number, pull.author.id.as_str()), (3, "ada"));
    let page = desk.get(&pull.path).await;
    let (_, _, commit) = pull.merged.clone().expect("it is merged");
    assert!(page.status == StatusCode::OK && page.text.contains(&commit), "{}", page.text);
    desk.is_refused("merge", "", "", "closed already").await;

    let jira = Desk::new(Kind::Jira).await;
    assert!(!jira.get(&jira.ticket().path).await.text.contains("pull request"));
    jira.is_refused("merge", "", "", "Jira has no pull requests").await;
}

#[tokio::test]
async fn a_ticket_opens_at_the_address_that_the_connector_reports() {
    for desk in Desk::both().await {
        let url = desk.create("[ACME M-2] Another").await;
        assert_eq!(url.host_str().zip(url.port()), Some(("127.0.0.1", 4321)));
        let page = desk.get(url.path()).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("[ACME M-2] Another"), "{}", page.text);
        let list = desk.get("/demo").await.text;
        assert!(list.contains(&format!("href=\"{}\"", url.path())), "{list}");
        assert!(list.contains("2026-12-15") && list.contains("[ACME M-1] Do it"), "{list}");
    }
}

#[tokio::test]
async fn the_api_is_beside_the_pages_and_asks_for_its_token() {
    for (desk, path) in
        Desk::both().await.into_iter().zip(["/repos/acme/portal/issues/1", "/rest/api/3/myself"])
    {
        let request = Request::get(path).header(header::USER_AGENT, "a test").body(Body::empty());
        assert_eq!(desk.send(request.expect("a request")).await.status, StatusCode::UNAUTHORIZED);
        desk.connector.account().await.expect("with the token it answers");
    }
}

#[tokio::test]
async fn what_people_write_is_text_and_nothing_else() {
    const EVIL: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    for desk in Desk::both().await {
        let (by, id) = (Account { id: desk.id(ADA).to_owned(), name: "Ada".to_owned() }, desk.ticket().id);
        for act in [
            Act::Retitle(EVIL.to_owned()),
            Act::Comment(format!("{EVIL} [x](javascript:alert(3))")),
            Act::EditOutside(EVIL.to_owned()),
            Act::AddLabel("<script>".to_owned()),
        ] {
            desk.site.act(&by, &id, act).expect("they may");
        }
        for path in [desk.ticket().path, format!("/demo/tickets/{id}/live"), "/demo".to_owned()] {
            let page = desk.get(&path).await.text;
            let own = page.replace("<script src=\"/demo/live.js\" defer></script>", "");
            assert!(own.contains("alert(1)"), "it is shown: {page}");
            for part in ["<script", "<img", "href=\"javascript"] {
                assert!(!own.contains(part), "{path} holds {part}: {page}");
            }
        }
    }
}

#[tokio::test]
async fn forms_are_not_taken_from_another_sites_pages() {
    for desk in Desk::both().await {
        let path = format!("/demo/tickets/{}/state", desk.ticket().id);
        let fields = [("by", desk.id(ADA)), ("state", "done")];
        for (origin, host) in [
            (None, "evil.example:4321"),
            (Some("null"), HOST),
            (Some("https://evil.example"), HOST),
            (Some("http://127.0.0.1:9999"), HOST),
            (Some("https://127.0.0.1:4321"), HOST),
            (Some("http://evil.example:4321"), "evil.example:4321"),
            (Some("http://127.0.0.1.evil.example"), "127.0.0.1.evil.example"),
        ] {
            let answer = desk.post_from(origin, host, &path, &fields).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?} {host}");
        }
        assert_eq!(desk.ticket().state, TicketState::Open);
        let other = "localhost:4321";
        let answer = desk.post_from(Some("http://localhost:4321"), other, &path, &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn who_acts_is_remembered() {
    for desk in Desk::both().await {
        let path = desk.ticket().path;
        assert!(desk.get(&path).await.text.contains("Comment as Ada Example"), "the first, to begin with");
        let answer = desk.post("/demo/who", &[("by", desk.id(GRACE)), ("back", &path)]).await;
        assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, path.as_str()));
        let (pair, _) = answer.cookie.split_once(';').expect("a cookie");
        let request =
            Request::get(&path).header(header::COOKIE, format!("other=1; {pair}")).body(Body::empty());
        let page = desk.send(request.expect("a request")).await.text;
        assert!(page.contains("Comment as Grace Example"), "{page}");
        assert!(page.contains(&format!("name=\"by\" value=\"{}\"", desk.id(GRACE))), "{page}");

        for back in ["https://evil.example/", "//evil.example", "/elsewhere"] {
            let answer = desk.post("/demo/who", &[("by", desk.id(GRACE)), ("back", back)]).await;
            assert_eq!(answer.location, "/demo", "{back}");
        }
        let stranger = desk.post("/demo/who", &[("by", "mallory"), ("back", &path)]).await;
        assert_eq!(stranger.status, StatusCode::BAD_REQUEST);
        let acts = format!("/demo/tickets/{}/comment", desk.ticket().id);
        let answer = desk.post(&acts, &[("by", "mallory"), ("comment", "hello")]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "a form acts for people of the demo only");
        assert!(desk.ticket().comments.is_empty());
    }
}

#[tokio::test]
async fn a_ticket_that_is_not_there_is_not_found() {
    for desk in Desk::both().await {
        let missing = desk.get("/demo/tickets/999/live").await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        assert!(missing.text.contains("There is no ticket"), "{}", missing.text);
        let answer = desk.post("/demo/tickets/999/state", &[("by", desk.id(ADA)), ("state", "done")]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn nothing_from_elsewhere_is_loaded() {
    for desk in Desk::both().await {
        for path in ["/demo", &desk.ticket().path] {
            let request = Request::get(path).body(Body::empty()).expect("a request");
            let answer = desk.router.clone().oneshot(request).await.expect("an answer");
            let policy = answer.headers().get(header::CONTENT_SECURITY_POLICY).and_then(|v| v.to_str().ok());
            assert!(policy.is_some_and(|policy| policy.starts_with("default-src 'none'")), "{policy:?}");
        }
        for path in ["/demo/style.css", "/demo/live.js", "/demo/no-script.css"] {
            assert_eq!(desk.get(path).await.status, StatusCode::OK, "{path}");
        }
    }
}
