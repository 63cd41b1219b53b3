//! Pages of a fake site, for visitors: a list of tickets, and a page per ticket where they do what engineers do.
//!
//! Everything works by plain forms. A small script keeps what others change fresh without touching what is being
//! typed; where scripts are off, a frame that reloads itself stands in for it.
//!
//! | file | what |
//! |---|---|
//! | `view` | tickets as the templates show them |
//! | `markdown` | people's Markdown as HTML that can do nothing |

mod markdown;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::NaiveDate;
use connector_api::fake::{Act, FakeSite, FakeTicket};
use connector_api::{Account, TicketState};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use view::{Choice, Live, Summary, state_of_name};

/// What kind of site the pages belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The due date is a line of the text; pull requests close issues.
    GitHub,
    /// The due date is a field.
    Jira,
}

impl Kind {
    fn site_name(self) -> &'static str {
        match self {
            Self::GitHub => "Demo GitHub",
            Self::Jira => "Demo Jira",
        }
    }

    /// What remembers who acts. Both sites are on one host, and cookies know no ports.
    fn cookie(self) -> &'static str {
        match self {
            Self::GitHub => "demo-github-by",
            Self::Jira => "demo-jira-by",
        }
    }
}

/// The site's API and its pages in one: `/demo` lists the tickets, and each has its page at the address that the
/// site gives for it. `people` may act, the first by default.
pub fn router(site: Arc<dyn FakeSite>, kind: Kind, people: Vec<Account>) -> Router {
    let api = site.router();
    let pages = Pages { site, api, kind, people: people.into() };
    let forms = Router::new()
        .route("/demo/who", post(set_who))
        .route("/demo/tickets/{id}/state", post(set_state))
        .route("/demo/tickets/{id}/merge", post(merge))
        .route("/demo/tickets/{id}/due", post(set_due))
        .route("/demo/tickets/{id}/assignee", post(set_assignee))
        .route("/demo/tickets/{id}/comment", post(comment))
        .layer(middleware::from_fn(only_from_here));
    Router::new()
        .route("/", get(|| async { Redirect::to("/demo") }))
        .route("/demo", get(list))
        .route("/demo/style.css", get(|| async { asset("text/css; charset=utf-8", STYLE) }))
        .route("/demo/no-script.css", get(|| async { asset("text/css; charset=utf-8", NO_SCRIPT) }))
        .route("/demo/live.js", get(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/demo/tickets/{id}/live", get(live))
        .merge(forms)
        .fallback(page_or_api)
        .with_state(pages)
}

const STYLE: &str = include_str!("../../../templates/demo/style.css");
/// Where scripts are off the frame shows what the script would keep fresh.
const NO_SCRIPT: &str = "#live { display: none }";
const SCRIPT: &str = include_str!("../../../templates/demo/live.js");

#[derive(Clone)]
struct Pages {
    site: Arc<dyn FakeSite>,
    api: Router,
    kind: Kind,
    people: Arc<[Account]>,
}

/// What every page has around it.
struct Frame {
    site: &'static str,
    tickets: usize,
}

#[derive(Template)]
#[template(path = "demo/list.html")]
struct ListPage {
    frame: Frame,
    tickets: Vec<Summary>,
}

#[derive(Template)]
#[template(path = "demo/ticket.html")]
struct TicketPage {
    frame: Frame,
    /// Where its parts are: `/demo/tickets/ID`.
    at: String,
    path: String,
    live: Live,
    by: Account,
    people: Vec<Choice>,
    assignees: Vec<Choice>,
    states: [(&'static str, &'static str); 5],
    pulls: bool,
}

#[derive(Template)]
#[template(path = "demo/live.html")]
struct LivePage {
    at: String,
    live: Live,
}

#[derive(Template)]
#[template(path = "demo/pull.html")]
struct PullPage {
    frame: Frame,
    pull: view::Pull,
}

#[derive(Template)]
#[template(path = "demo/problem.html")]
struct ProblemPage {
    frame: Frame,
    heading: &'static str,
    problem: String,
    back: String,
}

/// A page that was not to be had, and why.
struct Problem(StatusCode, Box<ProblemPage>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        shown(self.0, self.1.as_ref())
    }
}

type Outcome = Result<Response, Problem>;
type Fields = Form<BTreeMap<String, String>>;

impl Pages {
    fn frame(&self) -> Frame {
        Frame { site: self.kind.site_name(), tickets: self.site.tickets().len() }
    }

    fn problem(&self, status: StatusCode, heading: &'static str, problem: String, back: &str) -> Problem {
        let back = back.to_owned();
        Problem(status, Box::new(ProblemPage { frame: self.frame(), heading, problem, back }))
    }

    fn refused(&self, problem: impl Into<String>, back: &str) -> Problem {
        self.problem(StatusCode::BAD_REQUEST, "This was not done", problem.into(), back)
    }

    fn ticket(&self, id: &str) -> Result<FakeTicket, Problem> {
        self.site.tickets().into_iter().find(|ticket| ticket.id == id).ok_or_else(|| {
            let problem = format!("There is no ticket with the id {id}.");
            self.problem(StatusCode::NOT_FOUND, "No such ticket", problem, "/demo")
        })
    }

    fn person(&self, id: &str) -> Option<&Account> {
        self.people.iter().find(|person| person.id == id)
    }

    /// How somebody is called here: logins stand for people.
    fn name(&self, account: &Account) -> String {
        self.person(&account.id).unwrap_or(account).name.clone()
    }

    /// Who acts, as the form says.
    fn by(&self, fields: &Fields, back: &str) -> Result<Account, Problem> {
        let id = field(fields, "by");
        self.person(id).cloned().ok_or_else(|| self.refused(format!("Nobody here is called {id:?}."), back))
    }

    /// Who acted last in this browser, else the first of all.
    fn remembered(&self, headers: &HeaderMap) -> Account {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        let known = pairs.find(|(name, _)| name.trim() == self.kind.cookie());
        let known = known.and_then(|(_, id)| self.person(id.trim())).or_else(|| self.people.first());
        known.cloned().unwrap_or_else(|| Account { id: String::new(), name: "nobody".to_owned() })
    }

    /// Does what a form asks for, and shows the ticket again.
    fn act(&self, ticket: &FakeTicket, fields: &Fields, act: Act) -> Outcome {
        let by = self.by(fields, &ticket.path)?;
        let done = self.site.act(&by, &ticket.id, act);
        done.map_err(|why| self.refused(sentence(&why), &ticket.path))?;
        Ok(Redirect::to(&ticket.path).into_response())
    }

    fn ticket_page(&self, ticket: &FakeTicket, by: Account) -> Response {
        let live = Live::of(self, ticket);
        let mut assignees = vec![Choice::nobody(ticket.assignee.is_none())];
        assignees.extend(Choice::all(&self.people, ticket.assignee.as_ref()));
        if let Some(other) = ticket.assignee.as_ref().filter(|who| self.person(&who.id).is_none()) {
            assignees.push(Choice::of(other, true));
        }
        let page = TicketPage {
            frame: self.frame(),
            at: at(ticket),
            path: ticket.path.clone(),
            live,
            people: Choice::all(&self.people, Some(&by)).collect(),
            by,
            assignees,
            states: view::states(self.kind),
            pulls: self.kind == Kind::GitHub,
        };
        shown(StatusCode::OK, &page)
    }
}

fn at(ticket: &FakeTicket) -> String {
    format!("/demo/tickets/{}", ticket.id)
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.0.get(name).map_or("", |value| value.trim())
}

/// A site's reason as a sentence.
fn sentence(why: &str) -> String {
    let mut letters = why.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if why.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// A page with the headers that keep it to itself: no other origin's script, style, picture or frame.
fn shown(status: StatusCode, page: &impl Template) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                          frame-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'self'";
    match page.render() {
        Ok(html) => {
            let headers = [
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::REFERRER_POLICY, "same-origin"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (status, headers, Html(html)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page of the demo could not be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], text).into_response()
}

/// Takes no form from another site's page, and only under a loopback name: what another site's page sends has its own
/// origin, and a name that was bent to this host is not a loopback name. A program that is no browser names no origin.
async fn only_from_here(request: Request, next: Next) -> Response {
    if is_from_here(request.headers()) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "Forms are not taken from another site's pages.").into_response()
    }
}

fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin == format!("http://{host}") && is_loopback(host),
        (None, Some(host)) => is_loopback(host),
        (_, None) => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

async fn list(State(pages): State<Pages>) -> Response {
    let tickets = pages.site.tickets().iter().map(|ticket| Summary::of(&pages, ticket)).collect();
    shown(StatusCode::OK, &ListPage { frame: pages.frame(), tickets })
}

/// What changes on a ticket's page by itself.
async fn live(State(pages): State<Pages>, Path(id): Path<String>) -> Outcome {
    let ticket = pages.ticket(&id)?;
    let live = Live::of(&pages, &ticket);
    Ok(shown(StatusCode::OK, &LivePage { at: at(&ticket), live }))
}

/// The page at an address that the site itself gave; all else is the API's.
async fn page_or_api(State(pages): State<Pages>, request: Request) -> Response {
    if request.method() == Method::GET {
        let path = request.uri().path();
        if let Some(ticket) = pages.site.tickets().into_iter().find(|ticket| ticket.path == path) {
            return pages.ticket_page(&ticket, pages.remembered(request.headers()));
        }
        if let Some(pull) = pages.site.pulls().iter().find(|pull| pull.path == path) {
            let page = PullPage { frame: pages.frame(), pull: view::Pull::of(&pages, pull) };
            return shown(StatusCode::OK, &page);
        }
    }
    match pages.api.oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

async fn set_who(State(pages): State<Pages>, fields: Fields) -> Outcome {
    // Back to a ticket that there is, never to an address that the form makes up.
    let back = pages.site.tickets().into_iter().find(|ticket| ticket.path == field(&fields, "back"));
    let back = back.map_or_else(|| "/demo".to_owned(), |ticket| ticket.path);
    let by = pages.by(&fields, &back)?;
    let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", pages.kind.cookie(), by.id);
    let mut answer = Redirect::to(&back).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

async fn set_state(State(pages): State<Pages>, Path(id): Path<String>, fields: Fields) -> Outcome {
    let ticket = pages.ticket(&id)?;
    let name = field(&fields, "state");
    let state: Option<TicketState> = state_of_name(name);
    let state = state.ok_or_else(|| pages.refused(format!("There is no state {name:?}."), &ticket.path))?;
    pages.act(&ticket, &fields, Act::SetState(state))
}

/// Merges a new pull request that closes the issue, all at once.
async fn merge(State(pages): State<Pages>, Path(id): Path<String>, fields: Fields) -> Outcome {
    let ticket = pages.ticket(&id)?;
    if !matches!(ticket.state, TicketState::Open | TicketState::InProgress | TicketState::Blocked) {
        return Err(pages.refused("The ticket is closed already.", &ticket.path));
    }
    let tickets = pages.site.tickets();
    let issues = tickets.iter().filter(|other| other.project == ticket.project);
    let pulls = pages.site.pulls();
    let pulls = pulls.iter().filter(|pull| pull.project == ticket.project).map(|pull| pull.number);
    let last = issues.filter_map(|issue| issue.key.parse().ok()).chain(pulls).max().unwrap_or(0);
    let number = last + 1;
    let digest = hex::encode(Sha256::digest(format!("{} {number}", ticket.path)));
    let commit = digest.get(..40).unwrap_or_default().to_owned();
    pages.act(&ticket, &fields, Act::CloseByPullRequest(number, commit))
}

async fn set_due(State(pages): State<Pages>, Path(id): Path<String>, fields: Fields) -> Outcome {
    let ticket = pages.ticket(&id)?;
    let text = field(&fields, "due");
    let due = day(text).map_err(|why| pages.refused(why, &ticket.path))?;
    pages.act(&ticket, &fields, Act::SetDue(due))
}

/// A day as date fields send it; none where the field was emptied.
fn day(text: &str) -> Result<Option<NaiveDate>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let day = text.parse().ok().filter(|_| digits);
    day.map(Some).ok_or_else(|| format!("{text:?} is no date such as 2026-12-15."))
}

async fn set_assignee(State(pages): State<Pages>, Path(id): Path<String>, fields: Fields) -> Outcome {
    let ticket = pages.ticket(&id)?;
    let assignee = match field(&fields, "assignee") {
        "" => None,
        // Whoever has it may keep it, known here or not.
        id if ticket.assignee.as_ref().is_some_and(|who| who.id == id) => ticket.assignee.clone(),
        id => {
            let person = pages.person(id).cloned();
            Some(
                person
                    .ok_or_else(|| pages.refused(format!("Nobody here is called {id:?}."), &ticket.path))?,
            )
        }
    };
    pages.act(&ticket, &fields, Act::Assign(assignee))
}

async fn comment(State(pages): State<Pages>, Path(id): Path<String>, fields: Fields) -> Outcome {
    let ticket = pages.ticket(&id)?;
    let text = field(&fields, "comment").replace("\r\n", "\n");
    if text.is_empty() {
        return Err(pages.refused("A comment needs some words.", &ticket.path));
    }
    pages.act(&ticket, &fields, Act::Comment(text))
}
