//! Many tickets with few requests: by their node ids through GraphQL, by listings where those are not known.
//!
//! A node id comes with every answer of REST and is kept in memory; it is no identity, since a ticket's is its number
//! in GitHub's database. What neither way shows is asked for one by one, which also tells what was moved or deleted.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use connector_api::{Fetched, Glance, LABEL, Result, Ticket, TicketRef};
use serde::Deserialize;
use serde_json::json;

use crate::graphql::{GLANCES, Node, Query, TICKETS};
use crate::request::Call;
use crate::wire::{Issue, Label, Milestone, User};
use crate::{GitHub, lock};

/// So many unknown tickets of one repository are asked for one by one; more are looked for in its listing.
const FEW: usize = 3;

pub(crate) async fn fetch(github: &GitHub, tickets: &[TicketRef]) -> Result<Vec<Fetched>> {
    let mut found = BTreeMap::new();
    if tickets.len() > 1 {
        let all: Vec<&TicketRef> = tickets.iter().collect();
        // Without GraphQL, a listing is still less than asking one by one.
        let through_rest = |t: &&TicketRef| github.lacks_graphql() || github.due_in_field(&t.project);
        let (plain, graph): (Vec<&TicketRef>, Vec<&TicketRef>) = all.into_iter().partition(through_rest);
        found = listed(github, &[plain, unknown(github, &graph)].concat()).await?;
        let rest: Vec<&TicketRef> = graph.into_iter().filter(|t| !found.contains_key(&t.id)).collect();
        for (reference, node) in shown::<IssueNode>(github, "read tickets", &TICKETS, &rest).await? {
            found.insert(reference.id.clone(), github.ticket(&node.issue(), &reference.project, None));
        }
    }
    let mut answers = Vec::with_capacity(tickets.len());
    for reference in tickets {
        answers.push(match found.get(&reference.id) {
            Some(ticket) => Fetched::Found(Box::new(ticket.clone())),
            None => github.fetch_one(reference).await?,
        });
    }
    Ok(answers)
}

pub(crate) async fn survey(github: &GitHub, tickets: &[TicketRef]) -> Result<Vec<Glance>> {
    let wanted: Vec<&TicketRef> = tickets.iter().collect();
    let listed = listed(github, &unknown(github, &wanted)).await?;
    let rest: Vec<&TicketRef> = tickets.iter().filter(|t| !listed.contains_key(&t.id)).collect();
    let shown = shown::<GlanceNode>(github, "look for tickets", &GLANCES, &rest).await?;
    let mut updated: BTreeMap<&str, DateTime<Utc>> =
        shown.into_iter().map(|(reference, node)| (reference.id.as_str(), node.updated_at)).collect();
    updated.extend(listed.iter().map(|(id, ticket)| (id.as_str(), ticket.updated)));
    let mut glances = Vec::with_capacity(tickets.len());
    for reference in tickets {
        glances.push(match updated.get(reference.id.as_str()) {
            Some(at) => Glance::There { updated: Some(*at) },
            None => Glance::from(github.fetch_one(reference).await?),
        });
    }
    Ok(glances)
}

/// Learns the node ids of those tickets that have none yet.
pub(crate) async fn learn(github: &GitHub, tickets: &[&TicketRef]) -> Result<()> {
    let open = unknown(github, tickets);
    listed(github, &open).await?;
    for reference in unknown(github, &open) {
        github.fetch_one(reference).await?;
    }
    Ok(())
}

/// What a node says of which ticket it is.
pub(crate) trait Known {
    /// The ticket's number in GitHub's database.
    fn number_there(&self) -> &str;
}

/// The tickets that are there, by the owner of their repositories: an installation of an App sees its own alone.
pub(crate) async fn shown<'a, T: serde::de::DeserializeOwned + Known + Send>(
    github: &GitHub,
    what: &str,
    query: &Query,
    tickets: &[&'a TicketRef],
) -> Result<Vec<(&'a TicketRef, T)>> {
    let mut found = Vec::new();
    for (owner, of) in by_owner(github, tickets) {
        let (references, ids): (Vec<&TicketRef>, Vec<String>) = of.into_iter().unzip();
        let Some(nodes) = github.nodes::<T>(what, &owner, query, &ids, || json!({})).await? else {
            return Ok(Vec::new());
        };
        for (reference, node) in references.into_iter().zip(nodes) {
            match node {
                Node::Shown(shown) if shown.number_there() == reference.id => found.push((reference, shown)),
                Node::Shown(_) | Node::Absent | Node::Unreadable => {}
            }
        }
    }
    Ok(found)
}

/// Tickets whose node ids are known, with these.
pub(crate) fn by_owner<'a>(
    github: &GitHub,
    tickets: &[&'a TicketRef],
) -> BTreeMap<String, Vec<(&'a TicketRef, String)>> {
    let nodes = lock(&github.nodes);
    let mut owners: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for reference in tickets {
        if let Some(node) = nodes.get(&reference.id) {
            let owner = if github.site.auth.is_app() {
                reference.project.split('/').next().unwrap_or_default().to_lowercase()
            } else {
                String::new()
            };
            owners.entry(owner).or_default().push((*reference, node.clone()));
        }
    }
    owners
}

fn unknown<'a>(github: &GitHub, tickets: &[&'a TicketRef]) -> Vec<&'a TicketRef> {
    let nodes = lock(&github.nodes);
    tickets.iter().copied().filter(|reference| !nodes.contains_key(&reference.id)).collect()
}

/// Looks for tickets in the listings of their repositories: never with more requests than asking for each would take.
async fn listed(github: &GitHub, wanted: &[&TicketRef]) -> Result<BTreeMap<String, Ticket>> {
    let mut projects: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for reference in wanted {
        projects.entry(&reference.project).or_default().extend(reference.id.parse::<u64>());
    }
    let mut found = BTreeMap::new();
    for (project, ids) in projects.into_iter().filter(|(_, ids)| ids.len() > FEW) {
        let mut url = github.site.repo_url(project, &["issues"])?;
        url.query_pairs_mut()
            .append_pair("state", "all")
            .append_pair("labels", LABEL)
            .append_pair("sort", "created")
            .append_pair("direction", "desc")
            .append_pair("per_page", "100");
        let call = Call::get(format!("list the tickets of {project}"), url).accept(&[404, 410]);
        let answer = github
            .site
            .list_until::<Issue>(call, |listing| {
                let seen = listing.entries.iter().filter(|issue| ids.contains(&issue.id)).count();
                seen >= ids.len() || listing.pages >= ids.len() / 2
            })
            .await;
        let listing = match answer {
            Ok((listing, ..)) => listing,
            // The repository is not to be seen: each ticket is asked for, and told as missing.
            Err(error) if error.kind == connector_api::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for issue in listing.entries.iter().filter(|issue| !issue.is_pull_request()) {
            let ticket = github.ticket(issue, project, None);
            if ids.contains(&issue.id) {
                found.insert(ticket.reference.id.clone(), ticket);
            }
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GlanceNode {
    full_database_id: String,
    updated_at: DateTime<Utc>,
}

impl Known for GlanceNode {
    fn number_there(&self) -> &str {
        &self.full_database_id
    }
}

/// Who did something, as GraphQL names them: an App's account without the `[bot]` that REST gives it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Actor {
    #[serde(rename = "__typename")]
    kind: Option<String>,
    login: String,
}

impl Actor {
    pub(crate) fn user(&self) -> User {
        let suffix = if self.kind.as_deref() == Some("Bot") { "[bot]" } else { "" };
        User { login: format!("{}{suffix}", self.login) }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) nodes: Vec<Option<T>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Place {
    pub(crate) name_with_owner: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IssueNode {
    id: String,
    full_database_id: String,
    number: u64,
    url: String,
    title: String,
    body: String,
    state: String,
    state_reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    repository: Place,
    author: Option<Actor>,
    assignees: List<Actor>,
    labels: Option<List<Name>>,
    milestone: Option<Milestone>,
}

#[derive(Debug, Deserialize)]
struct Name {
    name: String,
}

impl Known for IssueNode {
    fn number_there(&self) -> &str {
        &self.full_database_id
    }
}

impl IssueNode {
    /// The same as REST tells it.
    fn issue(self) -> Issue {
        let users: Vec<User> = self.assignees.nodes.iter().flatten().map(Actor::user).collect();
        let labels = self.labels.into_iter().flat_map(|labels| labels.nodes).flatten();
        Issue {
            id: self.full_database_id.parse().unwrap_or_default(),
            node_id: Some(self.id),
            number: self.number,
            html_url: self.url,
            repository_url: Some(format!("/repos/{}", self.repository.name_with_owner)),
            title: self.title,
            body: Some(self.body).filter(|body| !body.is_empty()),
            state: self.state.to_lowercase(),
            state_reason: self.state_reason.map(|reason| reason.to_lowercase()),
            labels: labels.map(|label| Label::Name(label.name)).collect(),
            assignee: None,
            assignees: Some(users),
            milestone: self.milestone,
            // Such tickets are not read this way.
            field_values: None,
            user: self.author.as_ref().map(Actor::user),
            created_at: self.created_at,
            updated_at: self.updated_at,
            pull_request: None,
        }
    }
}
