//! Where an issue's due date lives, when it is not the line of our block.

use chrono::NaiveDate;
use connector_api::{ProjectSpec, Result};
use http::Method;
use serde_json::{Value, json};

use crate::request::Call;
use crate::wire::Milestone;
use crate::{DUE_FROM_MILESTONE, GitHub};

/// What is sent to give an issue this date: a key of the and its value. None where the date is a line of our
/// block.
pub(crate) async fn write(
    github: &GitHub,
    project: &str,
    spec: &ProjectSpec,
    due: Option<NaiveDate>,
) -> Result<Option<(&'static str, Value)>> {
    match spec.due_field.as_deref() {
        Some(DUE_FROM_MILESTONE) => {
            let value = match due {
                Some(due) => json!(milestone(github, project, due).await?),
                None => Value::Null,
            };
            Ok(Some(("milestone", value)))
        }
        Some(_) | None => Ok(None),
    }
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
