//! Where an issue's due date lives, when it is not the line of our block: in its milestone, or in an issue field of the
//! organization.

use chrono::NaiveDate;
use connector_api::{Error, ErrorKind, ProjectSpec, Result, TicketRef};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::request::Call;
use crate::wire::{Milestone, shown};
use crate::{DUE_FROM_MILESTONE, DUE_IN_FIELD, GitHub, lock};

/// The issue field that holds the due date, by name.
pub(crate) fn field(spec: &ProjectSpec) -> Option<&str> {
    spec.due_field.as_deref()?.strip_prefix(DUE_IN_FIELD)
}

/// What is sent with a new issue to give it this date: a key of the issue's and its value. None where the date is a
/// line of our block.
pub(crate) async fn at_creation(
    github: &GitHub,
    spec: &ProjectSpec,
    due: NaiveDate,
) -> Result<Option<(&'static str, Value)>> {
    if spec.due_field.as_deref() == Some(DUE_FROM_MILESTONE) {
        return Ok(Some(("milestone", json!(milestone(github, &spec.project, due).await?))));
    }
    let Some(name) = field(spec) else { return Ok(None) };
    let id = field_id(github, &spec.project, name).await?;
    Ok(Some(("issue_field_values", json!([{ "field_id": id, "value": due.to_string() }]))))
}

/// What a date comes to when it is given to an issue that is there.
pub(crate) enum Given {
    /// A key and its value, to be sent with what else changes.
    Sent(&'static str, Value),
    /// It is written.
    Written,
    /// The date is a line of our block.
    Elsewhere,
}

/// Gives an issue this date, or none. A field is written by a request of its own: what a change of the issue would do to
/// its other fields is nowhere said.
pub(crate) async fn give(
    github: &GitHub,
    ticket: &TicketRef,
    spec: &ProjectSpec,
    due: Option<NaiveDate>,
) -> Result<Given> {
    if spec.due_field.as_deref() == Some(DUE_FROM_MILESTONE) {
        let value = match due {
            Some(due) => json!(milestone(github, &ticket.project, due).await?),
            None => Value::Null,
        };
        return Ok(Given::Sent("milestone", value));
    }
    let Some(name) = field(spec) else { return Ok(Given::Elsewhere) };
    let id = field_id(github, &ticket.project, name).await?;
    let number = id.to_string();
    let mut path = vec!["issues", &ticket.key, "issue-field-values"];
    let what = format!("set {} of {}#{}", shown(name), ticket.project, ticket.key);
    let call = match due {
        Some(due) => {
            let body = json!({ "issue_field_values": [{ "field_id": id, "value": due.to_string() }] });
            Call::write(what, Method::POST, github.site.repo_url(&ticket.project, &path)?, body)
        }
        None => {
            path.push(&number);
            let url = github.site.repo_url(&ticket.project, &path)?;
            // It has no value already.
            Call::write(what, Method::DELETE, url, json!({})).accept(&[404])
        }
    };
    github.site.send(&call).await?;
    Ok(Given::Written)
}

#[derive(Deserialize)]
struct IssueField {
    id: u64,
    name: String,
    data_type: String,
}

/// The number of an organization's date field. Asked once and remembered.
async fn field_id(github: &GitHub, project: &str, name: &str) -> Result<u64> {
    let owner = project.split('/').next().unwrap_or_default();
    let key = (owner.to_lowercase(), name.to_lowercase());
    let known = lock(&github.fields).get(&key).copied();
    if let Some(id) = known {
        return Ok(id);
    }
    let what = format!("look for the issue field {} of {owner}", shown(name));
    let url = github.site.url(&["orgs", owner, "issue-fields"])?;
    let lacks = || {
        let said = format!(
            "{owner} has no issue field `{}` of type date, or does not show it to us: make it, or set fields.due \
             to \"block\"",
            shown(name)
        );
        Error::new(&*what, ErrorKind::Invalid(said))
    };
    let answer = github.site.send(&Call::get(&*what, url).accept(&[403, 404])).await?;
    if !answer.status.is_success() {
        return Err(lacks());
    }
    let all: Vec<IssueField> = answer.json()?;
    let fits = |of: &&IssueField| of.name.eq_ignore_ascii_case(name) && of.data_type == "date";
    let id = all.iter().find(fits).ok_or_else(lacks)?.id;
    lock(&github.fields).insert(key, id);
    Ok(id)
}

/// The open milestone that is due on that day, made when there is none. Milestones are shared: an issue is moved from
/// one to another, and none is ever given another date.
async fn milestone(github: &GitHub, project: &str, due: NaiveDate) -> Result<u64> {
    let mut url = github.site.repo_url(project, &["milestones"])?;
    let make = url.clone();
    url.query_pairs_mut().append_pair("state", "open").append_pair("per_page", "100");
    let call = Call::get(format!("list the milestones of {project}"), url);
    let all = github.site.list::<Milestone>(call).await?.entries;
    let fits = all.iter().filter(|of| of.scheduled().is_some_and(|end| end.date == due));
    if let Some(number) = fits.map(|of| of.number).min() {
        return Ok(number);
    }
    // Noon is the same day on the Pacific coast, by which GitHub reckons.
    let body = json!({ "title": format!("Due {due}"), "due_on": format!("{due}T12:00:00Z") });
    let call = Call::write(format!("make a milestone in {project}"), Method::POST, make, body);
    Ok(github.site.send(&call).await?.json::<Milestone>()?.number)
}
