//! As much JQL as the connector and curious people write: conditions joined by AND, and an order.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::site::{Issue, Site};
use super::workflow::status_category;

/// The ids of the issues that fit, in order; or what Jira would say. Those of `reconciled` are judged as they are now,
/// however far the index lags.
pub(super) fn search(site: &Site, jql: &str, reconciled: &[u64]) -> Result<Vec<u64>, String> {
    let (conditions, order) = split_order(jql);
    if conditions.trim().is_empty() {
        return Err(
            "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
                .to_owned(),
        );
    }
    let conditions = parse(&tokens(conditions)?)?;
    for condition in &conditions {
        check(site, condition)?;
    }
    let now = site.time();
    let mut found: Vec<&Issue> = Vec::new();
    let index = site.index.as_ref().unwrap_or(&site.issues);
    let ids: BTreeSet<u64> = index.keys().chain(reconciled).copied().collect();
    for issue in ids.iter().filter_map(|id| site.searched(*id, reconciled)) {
        let mut fits = !issue.archived;
        for condition in &conditions {
            fits &= holds(condition, issue, now)?;
        }
        if fits {
            found.push(issue);
        }
    }
    match order.as_deref() {
        None => found.sort_by_key(|issue| std::cmp::Reverse(issue.id)),
        Some("updated") => found.sort_by_key(|issue| (issue.updated, issue.id)),
        Some("updated desc") => found.sort_by_key(|issue| std::cmp::Reverse((issue.updated, issue.id))),
        Some("created" | "id" | "key") => found.sort_by_key(|issue| issue.id),
        Some("created desc" | "id desc" | "key desc") => {
            found.sort_by_key(|issue| std::cmp::Reverse(issue.id));
        }
        Some(other) => return Err(format!("Not able to sort using field '{other}'.")),
    }
    Ok(found.into_iter().map(|issue| issue.id).collect())
}

struct Condition {
    field: String,
    operator: String,
    values: Vec<String>,
}

fn split_order(jql: &str) -> (&str, Option<String>) {
    match jql.to_ascii_lowercase().find("order by") {
        Some(at) => {
            let order = jql[at + 8..].trim().to_ascii_lowercase();
            (&jql[..at], Some(order.strip_suffix(" asc").unwrap_or(&order).to_owned()))
        }
        None => (jql, None),
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' | '\'' => {
                let mut value = String::from("\"");
                let mut end = None;
                let mut escaped = false;
                for (at, d) in rest.char_indices().skip(1) {
                    match d {
                        _ if escaped => {
                            value.push(d);
                            escaped = false;
                        }
                        '\\' => escaped = true,
                        d if d == c => {
                            end = Some(at + 1);
                            break;
                        }
                        d => value.push(d),
                    }
                }
                out.push(value);
                end.ok_or("Error in the JQL Query: The quoted string has not been completed.")?
            }
            '(' | ')' | ',' => {
                out.push(c.to_string());
                1
            }
            '=' | '!' | '<' | '>' | '~' => {
                let length = rest.chars().take_while(|c| matches!(c, '=' | '!' | '<' | '>' | '~')).count();
                out.push(rest[..length].to_owned());
                length
            }
            _ => {
                let stop =
                    |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '=' | '!' | '<' | '>');
                let length = rest.find(stop).unwrap_or(rest.len());
                out.push(rest[..length].to_owned());
                length
            }
        };
        rest = rest[length..].trim_start();
    }
    Ok(out)
}

fn parse(tokens: &[String]) -> Result<Vec<Condition>, String> {
    let wrong =
        |near: &str| format!("Error in the JQL Query: Expecting an operator or a value near '{near}'.");
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let word = |n: usize| tokens.get(n).map_or("", String::as_str);
        let field = word(at).trim_start_matches('"').to_ascii_lowercase();
        let mut operator = word(at + 1).to_ascii_lowercase();
        at += 2;
        if operator == "not" {
            "not in".clone_into(&mut operator);
            at += 1;
        } else if operator == "is" && word(at).eq_ignore_ascii_case("not") {
            "is not".clone_into(&mut operator);
            at += 1;
        }
        let mut values = Vec::new();
        if word(at) == "(" {
            at += 1;
            while word(at) != ")" {
                if at >= tokens.len() {
                    return Err(wrong(&field));
                }
                if word(at) != "," {
                    values.push(word(at).to_owned());
                }
                at += 1;
            }
        } else if word(at).is_empty() {
            return Err(wrong(&field));
        } else {
            values.push(word(at).to_owned());
        }
        at += 1;
        let known = ["=", "!=", "in", "not in", "is", "is not", ">", ">=", "<", "<="];
        if !known.contains(&&*operator) {
            return Err(wrong(&operator));
        }
        out.push(Condition { field, operator, values });
        if at < tokens.len() {
            if !word(at).eq_ignore_ascii_case("and") {
                return Err(wrong(word(at)));
            }
            at += 1;
        }
    }
    Ok(out)
}

fn plain(value: &str) -> &str {
    value.strip_prefix('"').unwrap_or(value)
}

fn check(site: &Site, condition: &Condition) -> Result<(), String> {
    if condition.field != "project" {
        return Ok(());
    }
    for value in &condition.values {
        let value = plain(value);
        if !site.projects.keys().any(|key| key.eq_ignore_ascii_case(value)) {
            return Err(format!("The value '{value}' does not exist for the field 'project'."));
        }
    }
    Ok(())
}

fn holds(condition: &Condition, issue: &Issue, now: DateTime<Utc>) -> Result<bool, String> {
    let of = match condition.field.as_str() {
        "project" => vec![issue.project.clone()],
        "labels" => issue.labels.iter().cloned().collect(),
        "key" | "issuekey" | "id" => vec![issue.key.clone(), issue.id.to_string()],
        "status" => vec![issue.status.clone()],
        "statuscategory" => vec![status_category(&issue.status).to_owned()],
        "assignee" => issue.assignee.iter().map(|account| account.id.clone()).collect(),
        "resolution" => issue.resolution.iter().cloned().collect(),
        "issuetype" => vec![issue.kind.clone()],
        "updated" => return compare(condition, issue.updated, now),
        "created" => return compare(condition, issue.created, now),
        other => {
            return Err(format!("Field '{other}' does not exist or you do not have permission to view it."));
        }
    };
    let any =
        condition.values.iter().any(|value| of.iter().any(|held| held.eq_ignore_ascii_case(plain(value))));
    match condition.operator.as_str() {
        "=" | "in" => Ok(any),
        "!=" | "not in" => Ok(!any),
        "is" => Ok(of.is_empty()),
        "is not" => Ok(!of.is_empty()),
        other => Err(format!("The operator '{other}' is not supported by the '{}' field.", condition.field)),
    }
}

fn compare(condition: &Condition, held: DateTime<Utc>, now: DateTime<Utc>) -> Result<bool, String> {
    let value = condition.values.first().map_or("", |value| plain(value));
    let moment = moment(value, now).ok_or_else(|| {
        format!(
            "Date value '{value}' for field '{}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', \
             'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.",
            condition.field
        )
    })?;
    match condition.operator.as_str() {
        ">=" => Ok(held >= moment),
        ">" => Ok(held > moment),
        "<=" => Ok(held <= moment),
        "<" => Ok(held < moment),
        other => Err(format!("The operator '{other}' is not supported by the '{}' field.", condition.field)),
    }
}

fn moment(value: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let unit = value.chars().last()?;
    if let Ok(number) = value[..value.len() - unit.len_utf8()].parse::<i64>() {
        let span = match unit {
            'm' => TimeDelta::try_minutes(number),
            'h' => TimeDelta::try_hours(number),
            'd' => TimeDelta::try_days(number),
            'w' => TimeDelta::try_weeks(number),
            _ => None,
        };
        return now.checked_add_signed(span?);
    }
    let value = value.replace('/', "-");
    let timed = NaiveDateTime::parse_from_str(&value, "%Y-%m-%d %H:%M").ok();
    let moment = timed.or_else(|| value.parse::<chrono::NaiveDate>().ok()?.and_hms_opt(0, 0, 0));
    moment.map(|moment| moment.and_utc())
}
